import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { createRoot } from 'react-dom/client';

import { makeQueryClient } from './api/queries';
import { makeRouter } from './router';
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
  const [words] = await Promise.all([loadWords(locale), fontsLoaded(), session.start()]);
  keepSession();
  const queryClient = makeQueryClient();
  const router = makeRouter(queryClient);
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

void start();
