import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { UNREACHABLE } from './problem';
import { transport } from './transport';

const session = vi.hoisted(() => ({ token: vi.fn(), renewed: vi.fn() }));
vi.mock('../session/current', () => ({ session }));

const answers = (...bodies: (Response | Error)[]): ReturnType<typeof vi.fn> => {
  const asked = vi.fn();
  for (const body of bodies) {
    if (body instanceof Error) asked.mockRejectedValueOnce(body);
    else asked.mockResolvedValueOnce(body);
  }
  vi.stubGlobal('fetch', asked);
  return asked;
};

const json = (body: unknown, status = 200): Response => new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });

beforeEach(() => {
  session.token.mockResolvedValue('old');
  session.renewed.mockResolvedValue('new');
});
afterEach(() => vi.unstubAllGlobals());

test('a request is sent once more, once, where its token is refused', async () => {
  const asked = answers(json({}, 401), json({ plan: 'basic' }));
  expect(await transport('/api/v1/me', { method: 'GET' })).toEqual({ plan: 'basic' });
  expect(session.renewed).toHaveBeenCalledWith('old');
  expect(asked).toHaveBeenCalledTimes(2);
  const [, second] = asked.mock.calls.at(-1) as [string, { headers: Headers }];
  expect(second.headers.get('authorization')).toBe('Bearer new');
});

test('a token refused twice is a refusal', async () => {
  const asked = answers(json({ code: 'not-authorised' }, 401), json({ code: 'not-authorised' }, 401), json({}));
  await expect(transport('/api/v1/me', { method: 'GET' })).rejects.toMatchObject({ status: 401 });
  expect(asked).toHaveBeenCalledTimes(2);
});

test("a captive portal's page and half an answer count as no answer", async () => {
  answers(new Response('<html>Log in to the hotel</html>', { headers: { 'content-type': 'text/html' } }));
  await expect(transport('/api/v1/me', { method: 'GET' })).rejects.toMatchObject({ status: 0, code: UNREACHABLE });
  answers(new Response('{"plan":', { headers: { 'content-type': 'application/json' } }));
  await expect(transport('/api/v1/me', { method: 'GET' })).rejects.toMatchObject({ status: 0, code: UNREACHABLE });
  answers(new TypeError('failed to fetch'));
  await expect(transport('/api/v1/me', { method: 'GET' })).rejects.toMatchObject({ status: 0, code: UNREACHABLE });
});

test('an empty answer is nothing', async () => {
  answers(new Response(null, { status: 204 }));
  expect(await transport('/api/v1/notifications/read', { method: 'POST' })).toBeUndefined();
});
