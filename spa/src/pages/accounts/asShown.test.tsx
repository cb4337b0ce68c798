import { fireEvent, render, screen, waitFor } from '@testing-library/react';
import type { ReactElement } from 'react';
import { useForm } from 'react-hook-form';
import { expect, test, vi } from 'vitest';

import { asShown } from './asShown';

const sent = vi.fn();

const Form = (): ReactElement => {
  const { register, handleSubmit, setValue } = useForm({ defaultValues: { email: '' } });
  return (
    <form aria-label="form" onSubmitCapture={asShown(setValue)} onSubmit={handleSubmit((wishes) => sent(wishes))}>
      <input aria-label="email" {...register('email', { validate: (typed) => typed !== '' })} />
    </form>
  );
};

test('a field that the browser filled in without an event is sent as it is shown', async () => {
  render(<Form />);
  (screen.getByLabelText('email') as HTMLInputElement).value = 'shop@example.com';
  fireEvent.submit(screen.getByLabelText('form'));
  await waitFor(() => expect(sent).toHaveBeenCalledWith({ email: 'shop@example.com' }));
});
