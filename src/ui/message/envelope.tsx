/** The head or the end of an HTTP exchange, as Sidelight recorded it: start line and headers, those of MCP set off. */
import type { VNode } from 'preact';
import { plain, Text } from '../parts/text.tsx';

type Json = Readonly<Record<string, unknown>>;

/** Undefined for what is not one. */
export function Envelope({ value }: { readonly value: unknown }): VNode | null {
  if (typeof value !== 'object' || value === null) return null;
  const fact = value as Json;
  const { headers, fact: what } = fact;
  return (
    <section class="envelope" aria-label="HTTP envelope">
      <p class="mono">
        <Text max={2000}>{startLine(fact)}</Text>
      </p>
      {Array.isArray(headers) && headers.length > 0 && (
        <table>
          <caption class="sr-only">Headers of the {what === 'request' ? 'request' : 'response'}</caption>
          <thead class="sr-only">
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Value</th>
            </tr>
          </thead>
          <tbody>
            {(headers as unknown[]).map((header, index) => {
              const [name = '', content = ''] = Array.isArray(header) ? header.map(String) : [];
              return (
                <tr key={index} class={/^(mcp-|last-event-id)/i.test(name) ? 'of-mcp' : ''}>
                  <th scope="row">{plain(name, 100)}</th>
                  <td>
                    <Text max={4000}>{content}</Text>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
    </section>
  );
}

function startLine(fact: Json): string {
  const word = (name: string): string => {
    const value = fact[name];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  };
  if (fact.fact === 'request') return `${word('method')} ${word('target')} HTTP/${word('httpVersion')}`;
  if (fact.fact === 'response') return `${word('status')} ${word('reason')}`;
  return [word('fact').replaceAll('_', ' '), word('end'), word('id')].filter((part) => part !== '').join(' ');
}
