/**
 * Names and rules of the OpenTelemetry semantic conventions for MCP that our outputs use, kept here because the published
 * constants are deprecated. Names prefixed `sidelight.` are ours. No name may stand as a literal anywhere else.
 */
import type { OperationFinished } from './event.ts';
import { isFailure } from './outcome.ts';

export const ATTRIBUTE = {
  mcpMethodName: 'mcp.method.name',
  mcpProtocolVersion: 'mcp.protocol.version',
  mcpResourceUri: 'mcp.resource.uri',
  mcpSessionId: 'mcp.session.id',
  genAiOperationName: 'gen_ai.operation.name',
  genAiToolName: 'gen_ai.tool.name',
  genAiPromptName: 'gen_ai.prompt.name',
  genAiToolCallArguments: 'gen_ai.tool.call.arguments',
  genAiToolCallResult: 'gen_ai.tool.call.result',
  jsonrpcRequestId: 'jsonrpc.request.id',
  jsonrpcProtocolVersion: 'jsonrpc.protocol.version',
  rpcResponseStatusCode: 'rpc.response.status_code',
  errorType: 'error.type',
  networkTransport: 'network.transport',
  networkProtocolName: 'network.protocol.name',
  networkProtocolVersion: 'network.protocol.version',
  clientAddress: 'client.address',
  clientPort: 'client.port',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  httpRequestMethod: 'http.request.method',
  httpResponseStatusCode: 'http.response.status_code',
  urlPath: 'url.path',

  sessionId: 'sidelight.session.id',
  operationId: 'sidelight.operation.id',
  recordingUrl: 'sidelight.recording.url',
  serverName: 'sidelight.server.name',
  outcome: 'sidelight.outcome',
  legIndex: 'sidelight.leg.index',
  inputWaitMs: 'sidelight.input_wait_ms',
  roundTrips: 'sidelight.round_trips',
  inputMethods: 'sidelight.input.methods',
  taskStatus: 'sidelight.task.status',
  taskPolls: 'sidelight.task.polls',
  subscriptionNotifications: 'sidelight.subscription.notifications',
  subscriptionClosedBy: 'sidelight.subscription.closed_by',
  progress: 'sidelight.progress',
  progressTotal: 'sidelight.progress.total',
  logLevel: 'sidelight.log.level',
  endCause: 'sidelight.session.end_cause',
  probe: 'sidelight.session.probe',
  operations: 'sidelight.session.operations',
  failedOperations: 'sidelight.session.failed_operations',
  findings: 'sidelight.session.findings',
  exitCode: 'sidelight.server.exit_code',
  exitSignal: 'sidelight.server.exit_signal',

  serviceName: 'service.name',
  serviceVersion: 'service.version',
  serviceInstanceId: 'service.instance.id',
  hostName: 'host.name',
  processPid: 'process.pid',
  telemetrySdkName: 'telemetry.sdk.name',
  telemetrySdkLanguage: 'telemetry.sdk.language',
  telemetrySdkVersion: 'telemetry.sdk.version',
} as const;

/** The only value of gen_ai.operation.name that a tool call has. */
export const EXECUTE_TOOL = 'execute_tool';

/** On SERVER spans these codes tell of a mistake of the caller and are not errors: gen-ai/mcp.md, "Status". */
const CALLERS_MISTAKES: ReadonlySet<number> = new Set([-32700, -32600, -32601, -32602, -32002]);

/**
 * Value of error.type, and thereby whether the span's status is ERROR: undefined for what did not fail, and for a
 * caller's mistake as the called server sees it. As the caller sees it (CLIENT) every code is an error.
 */
export function errorTypeOf(
  operation: Pick<OperationFinished, 'initiator' | 'outcome' | 'error'>,
): string | undefined {
  const { initiator, outcome, error } = operation;
  if (!isFailure(outcome)) return undefined;
  if (initiator === 'client_to_server' && error?.code !== undefined && CALLERS_MISTAKES.has(error.code)) {
    return undefined;
  }
  return error?.type ?? '_OTHER';
}
