/** Every step from an empty file to the schema of this version, in order. A step that was released never changes. */
import { V1 } from './v1.ts';
import { V2 } from './v2.ts';
import { V3 } from './v3.ts';

/** The step at position n leads to schema version n + 1. */
export const MIGRATIONS: readonly string[] = [V1, V2, V3];

/** "Side": what `PRAGMA application_id` of our files says. */
export const APPLICATION_ID = 0x53696465;
