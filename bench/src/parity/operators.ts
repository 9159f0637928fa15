import { lackedBy, OPERATOR_LIMIT, operatorErrors } from '@convkit/testing/operators';
import type { Check, OperatorsFixture } from './fixture.js';

type Case = OperatorsFixture['cases'][number];

/** What a case came to: its comparisons, or the name of what convkit lacks for it. */
export type OperatorOutcome = { checks: Check[] } | { lacks: string };

/** Runs one operator with its gradients; see the table OPERATORS of @convkit/testing for how it reads in convkit. */
export function operatorOutcome(entry: Case): OperatorOutcome {
  const lacks = lackedBy(entry);
  return lacks === undefined ? { checks: operatorErrors(entry).map((check) => ({ ...check, limit: OPERATOR_LIMIT })) } : { lacks };
}
