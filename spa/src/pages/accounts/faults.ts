import type { FieldValues, Path, UseFormSetError } from 'react-hook-form';

import { ApiProblem } from '../../api/problem';

/** Puts what the server says of fields to these fields, the first of them with the focus; true where it named one that the form has. */
export const placeFaults = <V extends FieldValues>(
  error: unknown,
  fields: Path<V>[],
  setError: UseFormSetError<V>,
): boolean => {
  if (!(error instanceof ApiProblem)) return false;
  let placed = 0;
  for (const { pointer, detail } of error.errors) {
    const field = fields.find((one) => pointer === `/${one}`);
    if (field === undefined) continue;
    setError(field, { type: 'server', message: detail }, { shouldFocus: placed === 0 });
    placed += 1;
  }
  return placed > 0;
};
