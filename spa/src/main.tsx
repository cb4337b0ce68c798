import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { createRoot } from 'react-dom/client';

import { lastPosition } from './api/position';
import { makeQueryClient } from './api/queries';
import { askAhead, makeRouter } from './router';
import { takeSecrets } from './session/addressSecrets';
import { keepSession, session } from './session/current';
import { CrashGuard } from './shell/Crash';
import { Toasts } from './shell/toasts';
import { reloadOnceForNewVersion } from './shell/newVersion';
import { registerWorker } from './shell/worker';
import { fontsLoaded } from './theme/fonts';
import { Theming } from './theme/Theming';
import { applyLocale, readLocale } from './words/locale';
import { loadWords, WordsProvider } from './words/words';

const start = async (): Promise<void> => {
  takeSecrets();
  reloadOnceForNewVersion();
  const locale = readLocale();
  applyLocale(locale);
  const [words] = await Promise.all([loadWords(locale), fontsLoaded(), settledSession()]);
  keepSession();
  const queryClient = makeQueryClient();
  askAhead(queryClient);
  const router = makeRouter(queryClient);
  // The next user of this tab must find nothing of the one before.
  session.subscribe(() => {
    if (session.state.kind !== 'out') return;
    queryClient.clear();
    lastPosition.forget();
  });
  const root = document.getElementById('root');
  if (root === null) throw new Error('index.html has no #root');
  createRoot(root).render(
    <Theming locale={locale}>
      <WordsProvider locale={locale} words={words}>
        <QueryClientProvider client={queryClient}>
          <CrashGuard>
            <RouterProvider router={router} />
          </CrashGuard>
          <Toasts />
        </QueryClientProvider>
      </WordsProvider>
    </Theming>,
  );
  if ('serviceWorker' in navigator && import.meta.env.PROD) void registerWorker();
};

/** So long (ms) the first paint waits for the session; then the frame says that it is asked for. */
const FIRST_PAINT = 4_000;

const settledSession = async (): Promise<void> => {
  const isSettled = await Promise.race([session.start().then(() => true), new Promise<false>((resolve) => setTimeout(() => resolve(false), FIRST_PAINT))]);
  if (!isSettled) session.giveUpWaiting();
};

/** The page as it is where the app cannot start: storage that is blocked, scripts that are gone. */
const saySoStatically = (error: unknown): void => {
  console.error('failed to start the web app', error);
  const root = document.getElementById('root');
  if (root === null) return;
  const sentence = document.createElement('p');
  sentence.textContent = 'تعذّر فتح قافلة. أعد تحميل الصفحة. · Qafila could not be opened. Load the page again.';
  root.replaceChildren(sentence);
};

start().catch(saySoStatically);
