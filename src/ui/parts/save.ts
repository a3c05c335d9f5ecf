/** Saves what the API answered as a file. The browser never opens it: whatever it holds is bytes. */

/** Rejects with what reading the answer rejects with. */
export async function saveAs(name: string, answer: Response): Promise<void> {
  const blob = await answer.blob();
  const url = URL.createObjectURL(new Blob([blob], { type: 'application/octet-stream' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
