/** Who asks, once they are let in: of which org, and what they may do there. Pure. */
import { type Role, ROLES } from '../config/access.ts';
import { ApiError } from './problem.ts';

export interface Principal {
  /** What is of another is not there for them. */
  readonly org: string;
  readonly role: Role;
  /** For the audit log: whose token it is. */
  readonly subject: string;
}

/** Of what is recorded on this machine, which has no other. */
export const LOCAL_ORG = 'default';

/** Whoever can read the files of this machine's recordings. */
export const OWNER: Principal = { org: LOCAL_ORG, role: 'admin', subject: 'installation' };

/** What holds who is meant by a token. */
export interface Authority {
  /** Undefined: it is none of its. Rejects with an ApiError where that cannot be known now, or where it says why. */
  readonly principal: (token: string) => Promise<Principal | undefined> | Principal | undefined;
}

/** Throws an ApiError that names the role that is needed. */
export function mustBe(needed: Role, { role }: Principal): void {
  if (may(needed, role)) return;
  throw new ApiError(403, `this needs the role ${needed}; the token has ${role}`);
}

export function may(needed: Role, role: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}
