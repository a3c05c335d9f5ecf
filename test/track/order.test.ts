import { describe, expect, it } from 'vitest';
import { Conversation } from './conversation.ts';

/** Findings and ends, in their order, of one operation. */
function told(talk: Conversation, operationId: number): readonly string[] {
  return talk.events.flatMap((event) => {
    if (event.type === 'finding_raised' && event.operationId === operationId) return [event.rule];
    if (event.type === 'operation_finished' && event.operationId === operationId) return [event.outcome];
    return [];
  });
}

describe('what is found in the message that ends an operation is told before its end', () => {
  it('in a result', () => {
    const talk = new Conversation().initialized();
    const id = talk.client.calls(1, 'read').operationId ?? NaN;
    const text = 'MCP error -32602: no such file';
    talk.server.answers(1, { content: [{ type: 'text', text }], isError: true });
    expect(told(talk, id)).toEqual(['hidden_protocol_error', 'tool_error']);
  });

  it('in a result that breaks its schema', () => {
    const talk = new Conversation().initialized();
    const outputSchema = { type: 'object', required: ['sum'] };
    talk.client.asks('list', 'tools/list');
    talk.server.answers('list', { tools: [{ name: 'add', inputSchema: { type: 'object' }, outputSchema }] });
    const id = talk.client.calls(1, 'add').operationId ?? NaN;
    talk.server.answers(1, { content: [], structuredContent: {} });
    expect(told(talk, id)).toEqual(['invalid_structured_content', 'ok']);
  });

  it('in an error', () => {
    const talk = new Conversation().initialized();
    const last = [1, 2, 3].map((id) => {
      const { operationId = NaN } = talk.client.asks(id, 'tools/call', { name: 'read', arguments: {} });
      talk.server.fails(id, -32_603);
      return operationId;
    })[2];
    expect(told(talk, last ?? NaN)).toEqual(['repeated_failure', 'protocol_error']);
  });

  it('in a cancel', () => {
    const talk = new Conversation();
    talk.client.asks('init', 'initialize', { capabilities: { elicitation: {} } });
    talk.server.answers('init', { capabilities: {} });
    const { operationId } = talk.server.asks('q', 'elicitation/create', { message: 'Which colour?' });
    talk.server.cancels('q');
    expect(told(talk, operationId ?? NaN)).toEqual(['unanswered_elicitation', 'cancelled']);
  });
});
