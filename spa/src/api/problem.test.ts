import { expect, test } from 'vitest';

import { ApiProblem, refusalOf } from './problem';

test('a refusal says why each field is refused, any other failure is none', () => {
  const field = (detail: string) => ({ pointer: 'name', code: 'too-many-people', detail });
  expect(refusalOf(new ApiProblem(422, 'invalid-input', 'Some fields are not valid.', {}, [field('fits more than 500 people'), field('has no letter')]))).toBe('fits more than 500 people · has no letter');
  expect(refusalOf(new ApiProblem(503, 'unavailable', 'Not now.'))).toBeUndefined();
  expect(refusalOf(new TypeError('fetch failed'))).toBeUndefined();
});
