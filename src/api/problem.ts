/** What is wrong with a request, as problem details (RFC 9457). It never holds anything that was recorded, nor the token. */
import { STATUS_CODES } from 'node:http';
import type * as z from 'zod/mini';
import { plain } from '../config/error.ts';
import { StoreError, storeError, type StoreErrorCode } from '../store/error.ts';
import { STORE_FILE } from '../store/file.ts';
import type { Problem } from './contract.ts';

export type ProblemDetails = z.infer<typeof Problem>;

export interface ProblemPlace {
  readonly parameter?: string;
  readonly at?: number;
  readonly end?: number;
}

/** `message` is the `detail`: one line. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly place: ProblemPlace;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    detail: string,
    place: ProblemPlace = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(plain(detail));
    this.status = status;
    this.place = place;
    this.headers = headers;
  }
}

const STATUS: Partial<Readonly<Record<StoreErrorCode, number>>> = {
  session_unknown: 404,
  session_ambiguous: 400,
  store_full: 507,
  fleet_too_much: 400,
  fleet_refused: 502,
  store_internal: 500,
};

/** What the caller is told of any failure: of one that nobody foresaw, only that there was one. */
export function apiError(cause: unknown): ApiError {
  if (cause instanceof ApiError) return cause;
  const isOfStore = cause instanceof Error && 'code' in cause && String(cause.code).startsWith('SQLITE_');
  const error = isOfStore ? storeError(STORE_FILE, cause) : cause;
  if (error instanceof StoreError) {
    const place = error.code.startsWith('session_') ? { parameter: 'session' } : {};
    return new ApiError(STATUS[error.code] ?? 503, error.message, place);
  }
  return new ApiError(500, 'this failed inside Sidelight; its stderr says more');
}

export function detailsOf({ status, message, place }: ApiError): ProblemDetails {
  return { type: 'about:blank', title: STATUS_CODES[status] ?? '', status, detail: message, ...place };
}

export function problemResponse(error: ApiError): Response {
  return new Response(JSON.stringify(detailsOf(error)), {
    status: error.status,
    headers: { 'content-type': 'application/problem+json', ...error.headers },
  });
}
