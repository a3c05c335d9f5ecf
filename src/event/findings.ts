/**
 * The rules by which findings are raised, a row each. A rule's name is stable: recordings, metrics and logs carry it. The
 * table tells what a finding means and never decides whether there is one.
 */

/** `error`: something fails or breaks the protocol for sure. `warning`: it may. `info`: worth to know. */
export type Severity = 'info' | 'warning' | 'error';

export interface FindingInfo {
  /** In snake_case. */
  readonly rule: string;
  readonly severity: Severity;
  readonly title: string;
  readonly meaning: string;
  /** What to do about it. */
  readonly hint: string;
}

export const FINDINGS = [
  {
    rule: 'invalid_frame',
    severity: 'error',
    title: 'A message that is none',
    meaning:
      'What came where a message should be is no JSON-RPC: broken JSON, bytes that are not UTF-8, or an id that MCP forbids.',
    hint: 'Look at the frame, and at the library that wrote it. The peer has most likely passed over it, so that whoever waits for it waits in vain.',
  },
  {
    rule: 'stray_stdout',
    severity: 'warning',
    title: 'Output on stdout that is no message',
    meaning:
      'A stdio server wrote something else to stdout than JSON-RPC. Some clients pass over it, others give up the connection.',
    hint: 'Write logs to stderr. Look for prints left over from debugging, banners of frameworks, and what package runners say when they start.',
  },
  {
    rule: 'late_result',
    severity: 'warning',
    title: 'An answer after its request was cancelled',
    meaning: 'The work went on after the one who asked had given up: most often a timeout that is too short.',
    hint: 'Raise the timeout of the client, send progress so that it waits longer, or let the server stop when it is cancelled.',
  },
  {
    rule: 'duplicate_response',
    severity: 'error',
    title: 'A second answer to one request',
    meaning: 'A request was answered twice. Which answer counts is up to the library that reads them.',
    hint: 'Look for a handler that answers in two places, often once by returning and once by catching.',
  },
  {
    rule: 'response_without_request',
    severity: 'error',
    title: 'An answer to nothing',
    meaning: 'There was no request under the id of the answer.',
    hint: 'Compare the types of the ids: 1 and "1" differ. A server that restarted may answer what its former self was asked.',
  },
  {
    rule: 'request_id_reused',
    severity: 'error',
    title: 'An id used again while in flight',
    meaning: 'Two open requests of one side have the same id, so that nobody can tell their answers apart.',
    hint: 'Count ids up for each connection. Two clients must not share one stdio connection.',
  },
  {
    rule: 'unknown_cancel',
    severity: 'info',
    title: 'A cancel of nothing',
    meaning: 'A request was cancelled that never was.',
    hint: 'Harmless for the server. The request that was meant goes on: compare the ids and their types.',
  },
  {
    rule: 'malformed_trace_context',
    severity: 'warning',
    title: 'A trace context that cannot be read',
    meaning:
      'A traceparent is not what W3C Trace Context says, so that the operation begins a trace of its own.',
    hint: 'Let the tracing library write it: 00, 32 hex digits, 16 hex digits and two for the flags, none of the ids all zeros.',
  },
  {
    rule: 'tracking_overflow',
    severity: 'warning',
    title: 'More than Sidelight follows',
    meaning: 'A bound of what is remembered of a session was reached; what is beyond it is not told.',
    hint: 'Look for requests that nobody answers, or for a peer that makes up names without end.',
  },
  {
    rule: 'header_mismatch',
    severity: 'error',
    title: 'Header and body disagree',
    meaning:
      'A header of the request says something else than the message, or is missing. Servers of 2026-07-28 refuse such a request (-32020).',
    hint: 'Set the headers from the message that is sent, and let no proxy change either of them.',
  },
  {
    rule: 'http_without_json_rpc',
    severity: 'error',
    title: 'A response without an answer',
    meaning: 'The response to a JSON-RPC request was a success and yet had no JSON-RPC answer in it.',
    hint: 'Something else than the MCP server may have answered: a login page, a load balancer, another path.',
  },
  {
    rule: 'session_expired',
    severity: 'warning',
    title: 'The server does not know the session',
    meaning:
      'A request of a session got 404: the session had ended, or the request reached another instance.',
    hint: 'The client has to initialize again. If it happens often, route by Mcp-Session-Id, or let instances share their sessions.',
  },
  {
    rule: 'unlinked_retry',
    severity: 'warning',
    title: 'Input that cannot be told to belong to a call',
    meaning:
      'A request brings input, or the state of an earlier answer, and no call that waits for it, or more than one, fits. It is told as an operation of its own.',
    hint: 'Send the same method, target and arguments again, with the requestState of the answer as it came. A server that asks several equal calls should give each its own requestState.',
  },
  {
    rule: 'missing_required_meta',
    severity: 'error',
    title: 'A request without its metadata',
    meaning:
      'Since 2026-07-28 the _meta of every request has io.modelcontextprotocol/protocolVersion and io.modelcontextprotocol/clientCapabilities. Servers answer -32602 without them.',
    hint: 'Use a client library that speaks 2026-07-28, or open the session with initialize.',
  },
  {
    rule: 'unlisted_tool',
    severity: 'warning',
    title: 'A call of a tool that is not listed',
    meaning: 'The server had listed all of its tools, and this was not among them.',
    hint: 'A model has made up the name, or the client added a prefix and did not take it off. Compare it with the list.',
  },
  {
    rule: 'invalid_arguments',
    severity: 'warning',
    title: 'Arguments that break the schema',
    meaning: 'The arguments of a call are not what the inputSchema of the tool asks for.',
    hint: 'If a model keeps doing this, describe the argument better or make the schema simpler; the evidence names the place.',
  },
  {
    rule: 'invalid_structured_content',
    severity: 'error',
    title: 'A structured result that breaks the schema',
    meaning:
      'The tool has an outputSchema, and the structuredContent of its result does not keep to it or is missing. Clients that check refuse the result.',
    hint: 'Correct the tool or its outputSchema: both come from the server.',
  },
  {
    rule: 'schema_hard_for_clients',
    severity: 'info',
    title: 'A tool that clients may not take',
    meaning:
      'The name or the inputSchema of a tool has what some clients and model APIs refuse or pass over: another type than object at the top, anyOf, oneOf or allOf at the top, references, or a name outside [A-Za-z0-9_-]{1,64}.',
    hint: 'Write the schema out in full, with one object at the top, and keep to plain names.',
  },
  {
    rule: 'oversized_result',
    severity: 'warning',
    title: 'A very large tool result',
    meaning:
      'The result of a call is above 100 KB. It goes into the context of a model, where it is paid for and may be cut.',
    hint: 'Let the tool page or filter, or give back a resource link instead of the content.',
  },
  {
    rule: 'tool_list_cost',
    severity: 'warning',
    title: 'An expensive list of tools',
    meaning:
      'The pages of tools/list come to more than 40 KB. Clients give the list to the model with every turn; tokens are estimated as one for each four bytes.',
    hint: 'Shorten descriptions and schemas, split the server, or let the client choose which tools to show.',
  },
  {
    rule: 'repeated_failure',
    severity: 'warning',
    title: 'The same call fails again and again',
    meaning:
      'A tool failed three times in a row with the same arguments: whoever calls has not learnt from it.',
    hint: 'Let the error say what to do differently. An agent that loops should stop after a second failure.',
  },
  {
    rule: 'unanswered_elicitation',
    severity: 'warning',
    title: 'A question that nobody answered',
    meaning: 'The server asked the user something, and this ended without an answer.',
    hint: 'Look whether the client showed the question. A client that cannot should decline or not declare elicitation.',
  },
  {
    rule: 'hung_operation',
    severity: 'warning',
    title: 'A request that nobody seems to be at work on',
    meaning:
      'A request has had no answer, no progress and no log message for five minutes, while nobody was asked for anything in return.',
    hint: 'Look for what the handler waits for. One that takes so long should send progress; a client should have a timeout, and cancel.',
  },
  {
    rule: 'hidden_protocol_error',
    severity: 'warning',
    title: 'A protocol error inside a result',
    meaning:
      'A result with isError tells of a JSON-RPC error in its text. What should be seen by the client is given to the model.',
    hint: 'Answer unknown tools with a JSON-RPC error. Some SDKs turn such errors into results: see whether a newer one does.',
  },
  {
    rule: 'forbidden_server_request',
    severity: 'error',
    title: 'A request of the server where it may send none',
    meaning:
      'Since 2026-07-28 servers send no requests: what they need they ask for in an input_required result.',
    hint: 'Use a server library that speaks 2026-07-28, or answer the client in an older revision.',
  },
  {
    rule: 'undeclared_capability',
    severity: 'warning',
    title: 'Something used that was not declared',
    meaning: 'One side uses what the other did not declare as a capability, so that it must not count on it.',
    hint: 'Ask only for what is declared, or declare what is supported.',
  },
  {
    rule: 'deprecated_feature',
    severity: 'info',
    title: 'A deprecated feature in use',
    meaning: 'The revision in use has this feature still, and a later one may not.',
    hint: 'Move to what the evidence names.',
  },
  {
    rule: 'tool_changed',
    severity: 'warning',
    title: 'A tool that is not what it was',
    meaning:
      'The description, a schema or the annotations of a tool differ from those that were trusted for this server. A server that changes a tool after it was allowed can make a model do what nobody allowed.',
    hint: 'Compare both: sidelight baseline show --full. If the change is meant: sidelight baseline accept.',
  },
  {
    rule: 'tool_added',
    severity: 'info',
    title: 'A tool that was not there before',
    meaning: 'The server lists a tool that is not among those that were trusted for it.',
    hint: 'Look at what it does, then: sidelight baseline accept.',
  },
  {
    rule: 'session_id_misuse',
    severity: 'warning',
    title: 'A session id that is not as it should be',
    meaning:
      'A request of 2026-07-28, which knows no such sessions, carries Mcp-Session-Id; or a request of an older revision was refused because it had none.',
    hint: 'Up to 2025-11-25 send the id that the response to initialize gave with every request; since then send none.',
  },
] as const satisfies readonly FindingInfo[];

export type FindingRule = (typeof FINDINGS)[number]['rule'];

const BY_RULE: ReadonlyMap<string, FindingInfo> = new Map(FINDINGS.map((row) => [row.rule, row]));

/** Undefined for a rule of another version, as recordings may have. */
export function findingInfo(rule: string): FindingInfo | undefined {
  return BY_RULE.get(rule);
}
