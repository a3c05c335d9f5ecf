/**
 * Counts finished operations: one cell per set of label values, found by one look-up, so that counting costs no more
 * than the look-up. It never holds more cells than its cap, whatever names come over the wire.
 */
import { errorTypeOf } from '../event/attributes.ts';
import type { OperationFinished } from '../event/event.ts';
import type { Outcome } from '../event/outcome.ts';
import { inputWaitUs } from '../event/legs.ts';
import { Buckets } from '../self/buckets.ts';
import { WAIT_BUCKETS } from './catalog.ts';
import { Durations } from './metric-durations.ts';
import { type LabelValues, OTHER } from './metric-labels.ts';
import type { Initiator } from './metric-sessions.ts';

/** Each is 17 lines of a scrape: at the cap 4 MB, rendered in some 50 ms of the observer's time. */
export const MAX_LABEL_SETS = 1000;

/** The values of `OPERATION_LABELS`. */
interface Labels {
  readonly server: string;
  readonly mcp_method_name: string;
  readonly gen_ai_tool_name: string;
  readonly gen_ai_prompt_name: string;
  readonly error_type: string;
  readonly rpc_response_status_code: string;
  readonly mcp_protocol_version: string;
  readonly network_transport: string;
}

export interface OperationCell {
  readonly initiator: Initiator;
  readonly labels: Labels;
  /** Undefined as long as there were streams only: their open time is no latency. */
  durations: Durations | undefined;
  readonly outcomes: Map<Outcome, number>;
  roundTrips: number;
  /** Answers that asked for input, by what they asked for. */
  readonly inputRequired: Map<string, number>;
  inputWaits: Buckets | undefined;
  taskPolls: number;
  resultBytes: number;
}

export class OperationCells {
  readonly #labels: LabelValues;
  readonly #cells = new Map<string, OperationCell>();

  constructor(labels: LabelValues) {
    this.#labels = labels;
  }

  /** `method` is the method's name as a label. */
  count(operation: OperationFinished, method: string, transport: string): void {
    const cell = this.#cell(operation, method, transport);
    const { outcome, legs } = operation;
    cell.outcomes.set(outcome, (cell.outcomes.get(outcome) ?? 0) + 1);
    cell.roundTrips += legs.length;
    if (legs.length > 1 || outcome === 'input_required') this.#countInput(cell, legs);
    cell.taskPolls += operation.task?.polls ?? 0;
    cell.resultBytes += operation.resultBytes;
    if (operation.stream) return;
    cell.durations ??= new Durations();
    cell.durations.observe(operation.startedAtUs, operation.endedAtUs, operation.span);
  }

  #countInput(cell: OperationCell, legs: OperationFinished['legs']): void {
    for (const { outcome, asked = [] } of legs) {
      if (outcome !== 'input_required') continue;
      for (const method of asked.length === 0 ? ['none'] : asked) {
        const input = this.#labels.admit('input', method);
        cell.inputRequired.set(input, (cell.inputRequired.get(input) ?? 0) + 1);
      }
    }
    if (legs.length > 1) (cell.inputWaits ??= new Buckets(WAIT_BUCKETS)).observe(inputWaitUs(legs) / 1e6);
  }

  all(): readonly OperationCell[] {
    return [...this.#cells.values()];
  }

  #cell(operation: OperationFinished, method: string, transport: string): OperationCell {
    const { initiator, error } = operation;
    const values = this.#labels;
    const server = values.admit('server', operation.server);
    const tool = this.#target(operation, 'tool', 'gen_ai_tool_name');
    const prompt = this.#target(operation, 'prompt', 'gen_ai_prompt_name');
    const errorType = values.admit('error_type', errorTypeOf(operation));
    const code =
      error?.code === undefined ? '' : values.admit('rpc_response_status_code', String(error.code));
    const version = values.admit('mcp_protocol_version', operation.protocolVersion);
    // No admitted value holds a control character.
    const key = `${initiator}\0${server}\0${method}\0${tool}\0${prompt}\0${errorType}\0${code}\0${version}\0${transport}`;
    const known = this.#cells.get(key);
    if (known !== undefined) return known;
    if (this.#cells.size >= MAX_LABEL_SETS) {
      this.#labels.refuse('label_set');
      return this.#create(initiator, initiator, OVERFLOWN);
    }
    return this.#create(key, initiator, {
      server,
      mcp_method_name: method,
      gen_ai_tool_name: tool,
      gen_ai_prompt_name: prompt,
      error_type: errorType,
      rpc_response_status_code: code,
      mcp_protocol_version: version,
      network_transport: transport,
    });
  }

  #create(key: string, initiator: Initiator, labels: Labels): OperationCell {
    let cell = this.#cells.get(key);
    if (cell === undefined) {
      cell = {
        initiator,
        labels,
        durations: undefined,
        outcomes: new Map(),
        roundTrips: 0,
        inputRequired: new Map(),
        inputWaits: undefined,
        taskPolls: 0,
        resultBytes: 0,
      };
      this.#cells.set(key, cell);
    }
    return cell;
  }

  /** A caller can name any tool: only those that the server listed become labels. */
  #target(
    { target, targetListed }: OperationFinished,
    kind: 'tool' | 'prompt',
    label: 'gen_ai_tool_name' | 'gen_ai_prompt_name',
  ): string {
    if (target?.kind !== kind) return '';
    return targetListed ? this.#labels.admit(label, target.name) : this.#labels.refuse(label);
  }
}

const OVERFLOWN: Labels = {
  server: OTHER,
  mcp_method_name: OTHER,
  gen_ai_tool_name: OTHER,
  gen_ai_prompt_name: OTHER,
  error_type: OTHER,
  rpc_response_status_code: OTHER,
  mcp_protocol_version: OTHER,
  network_transport: OTHER,
};
