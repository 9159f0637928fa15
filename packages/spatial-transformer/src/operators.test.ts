import { testOperators } from '@convkit/testing/reference';

testOperators(new URL('../reference/operators.json', import.meta.url));
