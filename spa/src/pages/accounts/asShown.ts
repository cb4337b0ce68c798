import type { FormEvent } from 'react';
import type { FieldValues, Path, PathValue, UseFormSetValue } from 'react-hook-form';

/** Before a form is checked, its fields count as they are shown: a browser that restores them or fills them in does not always say so. */
export const asShown =
  <T extends FieldValues>(setValue: UseFormSetValue<T>) =>
  (event: FormEvent<HTMLFormElement>): void => {
    for (const field of event.currentTarget.elements) {
      if (field instanceof HTMLInputElement && field.name !== '') setValue(field.name as Path<T>, field.value as PathValue<T, Path<T>>);
    }
  };
