/** What a scanner kept of a message, as the facts of its `params` and its `result`. It never looks at bytes. */
import { AN_OBJECT, type Fact } from './capture.ts';
import { memberAt } from './members.ts';
import type { Id, Implementation, ParamFacts, ResultFacts } from './message.ts';
import type { Scanner } from './scan.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const PARAMS = memberAt('message params');
const NAME = memberAt('message params name');
const URI = memberAt('message params uri');
const TASK_ID = memberAt('message params taskId');
const REQUEST_ID = memberAt('message params requestId');
const REASON = memberAt('message params reason');
const PROGRESS_TOKEN = memberAt('message params progressToken');
const PROGRESS = memberAt('message params progress');
const TOTAL = memberAt('message params total');
const LEVEL = memberAt('message params level');
const LOGGER = memberAt('message params logger');
const PROTOCOL_VERSION = memberAt('message params protocolVersion');
const REQUEST_STATE = memberAt('message params requestState');
const INPUT_RESPONSES = memberAt('message params inputResponses');
const TASK = memberAt('message params task');
const CLIENT_INFO = memberAt('message params clientInfo');
const META = memberAt('message params _meta');
const META_PROGRESS_TOKEN = memberAt('message params _meta progressToken');
const META_TRACEPARENT = memberAt('message params _meta traceparent');
const META_TRACESTATE = memberAt('message params _meta tracestate');
const META_REPLAY_OF_SPAN = memberAt('message params _meta dev.sidelight/replayOfSpan');
const META_PROTOCOL_VERSION = memberAt('message params _meta io.modelcontextprotocol/protocolVersion');
const META_SUBSCRIPTION_ID = memberAt('message params _meta io.modelcontextprotocol/subscriptionId');
const META_CLIENT_INFO = memberAt('message params _meta io.modelcontextprotocol/clientInfo');
const RESULT_IS_ERROR = memberAt('message result isError');
const RESULT_TYPE = memberAt('message result resultType');
const RESULT_REQUEST_STATE = memberAt('message result requestState');
const RESULT_PROTOCOL_VERSION = memberAt('message result protocolVersion');
const RESULT_SERVER_INFO = memberAt('message result serverInfo');
const RESULT_META_SERVER_INFO = memberAt('message result _meta io.modelcontextprotocol/serverInfo');

const NO_PARAMS: ParamFacts = Object.freeze({});

export function isToken(fact: Fact | undefined): fact is string | number {
  return typeof fact === 'string' || typeof fact === 'number';
}

function isId(fact: Fact | undefined): fact is Id {
  return isToken(fact) || fact === null;
}

/** A request's progress token stands in `_meta`; a notification's is the one it reports on. */
export function paramFacts(scanner: Scanner, kind: 'request' | 'notification'): ParamFacts {
  if (scanner.fact(PARAMS) !== AN_OBJECT) return NO_PARAMS;
  const facts: Mutable<ParamFacts> = {};
  const name = scanner.fact(NAME);
  if (typeof name === 'string') facts.name = name;
  const uri = scanner.fact(URI);
  if (typeof uri === 'string') facts.uri = uri;
  const taskId = scanner.fact(TASK_ID);
  if (typeof taskId === 'string') facts.taskId = taskId;
  const progressToken = scanner.fact(kind === 'request' ? META_PROGRESS_TOKEN : PROGRESS_TOKEN);
  if (isToken(progressToken)) facts.progressToken = progressToken;
  const progress = scanner.fact(PROGRESS);
  if (typeof progress === 'number') facts.progress = progress;
  const total = scanner.fact(TOTAL);
  if (typeof total === 'number') facts.total = total;
  const requestId = scanner.fact(REQUEST_ID);
  if (isId(requestId)) facts.requestId = requestId;
  const reason = scanner.fact(REASON);
  if (typeof reason === 'string') facts.reason = reason;
  const level = scanner.fact(LEVEL);
  if (typeof level === 'string') facts.level = level;
  const logger = scanner.fact(LOGGER);
  if (typeof logger === 'string') facts.logger = logger;
  const protocolVersion = scanner.fact(PROTOCOL_VERSION);
  if (typeof protocolVersion === 'string') facts.protocolVersion = protocolVersion;
  const clientInfo = implementation(scanner, CLIENT_INFO);
  if (clientInfo !== undefined) facts.clientInfo = clientInfo;
  if (scanner.fact(INPUT_RESPONSES) !== undefined) facts.hasInputResponses = true;
  if (scanner.fact(TASK) === AN_OBJECT) facts.wantsTask = true;
  const requestState = scanner.fact(REQUEST_STATE);
  if (typeof requestState === 'string') facts.requestState = requestState;
  if (scanner.fact(META) === AN_OBJECT) addMeta(facts, scanner);
  return facts;
}

function addMeta(facts: Mutable<ParamFacts>, scanner: Scanner): void {
  const traceparent = scanner.fact(META_TRACEPARENT);
  if (typeof traceparent === 'string') facts.traceparent = traceparent;
  const tracestate = scanner.fact(META_TRACESTATE);
  if (typeof tracestate === 'string') facts.tracestate = tracestate;
  const replayOfSpan = scanner.fact(META_REPLAY_OF_SPAN);
  if (typeof replayOfSpan === 'string') facts.replayOfSpan = replayOfSpan;
  const protocolVersion = scanner.fact(META_PROTOCOL_VERSION);
  if (typeof protocolVersion === 'string') {
    facts.protocolVersion = protocolVersion;
    facts.modern = true;
  }
  const clientInfo = implementation(scanner, META_CLIENT_INFO);
  if (clientInfo !== undefined) facts.clientInfo = clientInfo;
  const subscriptionId = scanner.fact(META_SUBSCRIPTION_ID);
  if (isId(subscriptionId)) facts.subscriptionId = subscriptionId;
}

export function resultFacts(scanner: Scanner): ResultFacts {
  const facts: Mutable<ResultFacts> = {};
  const isError = scanner.fact(RESULT_IS_ERROR);
  if (typeof isError === 'boolean') facts.isError = isError;
  const resultType = scanner.fact(RESULT_TYPE);
  if (typeof resultType === 'string') facts.resultType = resultType;
  const requestState = scanner.fact(RESULT_REQUEST_STATE);
  if (typeof requestState === 'string') facts.requestState = requestState;
  const protocolVersion = scanner.fact(RESULT_PROTOCOL_VERSION);
  if (typeof protocolVersion === 'string') facts.protocolVersion = protocolVersion;
  const serverInfo =
    implementation(scanner, RESULT_META_SERVER_INFO) ?? implementation(scanner, RESULT_SERVER_INFO);
  if (serverInfo !== undefined) facts.serverInfo = serverInfo;
  return facts;
}

/** The members of an implementation's object follow it: `name`, then `version`. */
function implementation(scanner: Scanner, member: number): Implementation | undefined {
  if (scanner.fact(member) !== AN_OBJECT) return undefined;
  const name = scanner.fact(member + 1);
  const version = scanner.fact(member + 2);
  return {
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof version === 'string' ? { version } : {}),
  };
}
