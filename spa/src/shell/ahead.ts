import { useEffect } from 'react';

import { withoutReload } from './newVersion';

/** A page has come to rest after this time (ms). */
const AT_REST = 2_000;

const savesData = (): boolean => (navigator as { connection?: { saveData?: boolean } }).connection?.saveData === true;

/** Fetches the scripts of the dashboard once the first page is at rest: from any page it is where merchants go next, and its charts are the largest part of the app. */
export const useDashboardAhead = (): void => {
  useEffect(() => {
    if (savesData()) return;
    const fetchScripts = (): Promise<unknown> => Promise.all([import('../pages/dashboard/DashboardPage'), import('../charts/TrendChart')]);
    const timer = setTimeout(() => void withoutReload(fetchScripts), AT_REST);
    return () => clearTimeout(timer);
  }, []);
};
