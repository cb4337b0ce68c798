import type { QueryClient } from '@tanstack/react-query';
import { createRootRouteWithContext, createRoute, createRouter, defaultParseSearch, lazyRouteComponent, Outlet, redirect } from '@tanstack/react-router';

import { isUnderWay, isUseful, meQuery, syncQuery } from './api/queries';
import { summaryQuery, trendQuery } from './pages/dashboard/reports';
import { type DashboardSearch, readDashboard } from './pages/dashboard/search';
import { wasHere } from './pages/dashboard/visits';
import { readFiles } from './pages/files/search';
import { readLists } from './pages/lists/search';
import { safeNext } from './session/next';
import { session } from './session/current';
import { Crashed } from './shell/Crash';
import { Frame } from './shell/Frame';
import { NotFound, UnknownPage } from './shell/NotFound';

interface Context {
  queryClient: QueryClient;
}

const root = createRootRouteWithContext<Context>()({
  component: Outlet,
  notFoundComponent: NotFound,
  errorComponent: Crashed,
});

/** Pages for anybody. */
const readNext = (search: Record<string, unknown>): { next?: string } =>
  ({ next: search.next === undefined ? undefined : safeNext(search.next) });

/** Somebody who is logged in has nothing to do on these pages. */
const onlyOutside = ({ search }: { search: { next?: string } }): void => {
  if (session.state.kind === 'in') throw redirect({ href: safeNext(search.next), replace: true });
};

const register = createRoute({
  getParentRoute: () => root,
  path: '/register',
  validateSearch: readNext,
  beforeLoad: onlyOutside,
  component: lazyRouteComponent(() => import('./pages/accounts/RegisterPage')),
});
const login = createRoute({
  getParentRoute: () => root,
  path: '/login',
  validateSearch: readNext,
  beforeLoad: onlyOutside,
  component: lazyRouteComponent(() => import('./pages/accounts/LoginPage')),
});
const forgotPassword = createRoute({
  getParentRoute: () => root,
  path: '/forgot-password',
  component: lazyRouteComponent(() => import('./pages/accounts/ForgotPasswordPage')),
});
const resetPassword = createRoute({
  getParentRoute: () => root,
  path: '/reset-password',
  component: lazyRouteComponent(() => import('./pages/accounts/ResetPasswordPage')),
});

/** Pages of a merchant: without a session, log-in comes first and leads back. */
const inside = createRoute({
  getParentRoute: () => root,
  id: 'inside',
  component: Frame,
  beforeLoad: ({ location }) => {
    // Where that could not be found out, the frame says so and asks again: it is no log-out.
    if (session.state.kind === 'out') throw redirect({ to: '/login', search: { next: safeNext(location.href) }, replace: true });
  },
});

/** A page is not held back longer (ms) by what only decides which page it is. */
const DECISION = 4_000;

/** What comes in time; nothing of what fails or is late. */
const soon = <T,>(asked: Promise<T>): Promise<T | undefined> =>
  Promise.race([asked.catch(() => undefined), new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), DECISION))]);

/** Asks for what the first page will ask for, while its scripts and its frame are made: on a slow phone that is a third of a second. */
export const askAhead = (queryClient: QueryClient): void => {
  if (session.state.kind !== 'in') return;
  void queryClient.prefetchQuery({ ...meQuery(), retry: false });
  void queryClient.prefetchQuery(syncQuery());
  if (location.pathname !== '/') return;
  void import('./pages/dashboard/DashboardPage');
  if (wasHere(session.state.held.userId)) askForFigures(queryClient, readDashboard(defaultParseSearch(location.search)));
};

const askForFigures = (queryClient: QueryClient, search: DashboardSearch): void => {
  void queryClient.prefetchQuery(summaryQuery(search));
  void queryClient.prefetchQuery(trendQuery(search));
};

/** Where a merchant begins: what is missing first, else the dashboard. */
const dashboard = createRoute({
  getParentRoute: () => inside,
  path: '/',
  validateSearch: readDashboard,
  beforeLoad: async ({ context: { queryClient }, search }) => {
    if (search.open || session.state.kind !== 'in') return;
    const [me, sync] = await Promise.all([
      soon(queryClient.ensureQueryData({ ...meQuery(), retry: false })),
      soon(queryClient.ensureQueryData(syncQuery())),
    ]);
    if (me !== undefined && me.connection === null) throw redirect({ to: '/welcome', replace: true });
    if (sync === undefined) return;
    if (sync.status === 'not_started') throw redirect({ to: '/welcome', replace: true });
    if (isUnderWay(sync.status) && sync.status !== 'paused' && !isUseful(sync)) throw redirect({ to: '/import', replace: true });
  },
  loaderDeps: ({ search }) => search,
  // The first figures are on their way while the page's scripts are.
  loader: ({ context: { queryClient }, deps }) => {
    if (session.state.kind === 'in') askForFigures(queryClient, deps);
  },
  component: lazyRouteComponent(() => import('./pages/dashboard/DashboardPage')),
});

const welcome = createRoute({
  getParentRoute: () => inside,
  path: '/welcome',
  component: lazyRouteComponent(() => import('./pages/onboarding/WelcomePage')),
});
const callback = createRoute({
  getParentRoute: () => inside,
  path: '/oauth/callback',
  component: lazyRouteComponent(() => import('./pages/onboarding/CallbackPage')),
});
const claim = createRoute({
  getParentRoute: () => inside,
  path: '/claim',
  component: lazyRouteComponent(() => import('./pages/onboarding/ClaimPage')),
});
const importing = createRoute({
  getParentRoute: () => inside,
  path: '/import',
  component: lazyRouteComponent(() => import('./pages/importing/ImportPage')),
});

const orders = createRoute({
  getParentRoute: () => inside,
  path: '/orders',
  validateSearch: readLists,
  component: lazyRouteComponent(() => import('./pages/lists/OrdersPage')),
});
const order = createRoute({
  getParentRoute: () => orders,
  path: '$id',
  component: lazyRouteComponent(() => import('./pages/details/OrderDrawer')),
});
const customers = createRoute({
  getParentRoute: () => inside,
  path: '/customers',
  validateSearch: readLists,
  component: lazyRouteComponent(() => import('./pages/lists/CustomersPage')),
});
const customer = createRoute({
  getParentRoute: () => customers,
  path: '$id',
  component: lazyRouteComponent(() => import('./pages/details/CustomerDrawer')),
});
const products = createRoute({
  getParentRoute: () => inside,
  path: '/products',
  validateSearch: readLists,
  component: lazyRouteComponent(() => import('./pages/lists/ProductsPage')),
});
const product = createRoute({
  getParentRoute: () => products,
  path: '$id',
  component: lazyRouteComponent(() => import('./pages/details/ProductDrawer')),
});
const carts = createRoute({
  getParentRoute: () => inside,
  path: '/carts',
  validateSearch: readLists,
  component: lazyRouteComponent(() => import('./pages/lists/CartsPage')),
});
const cart = createRoute({
  getParentRoute: () => carts,
  path: '$id',
  component: lazyRouteComponent(() => import('./pages/details/CartDrawer')),
});

const files = createRoute({
  getParentRoute: () => inside,
  path: '/reports',
  validateSearch: readFiles,
  component: lazyRouteComponent(() => import('./pages/files/FilesPage')),
});
const reconciliations = createRoute({
  getParentRoute: () => inside,
  path: '/reconciliations',
  component: lazyRouteComponent(() => import('./pages/reconciliations/ReconciliationsPage')),
});
const connection = createRoute({
  getParentRoute: () => inside,
  path: '/connection',
  component: lazyRouteComponent(() => import('./pages/connection/ConnectionPage')),
});
const settings = createRoute({
  getParentRoute: () => inside,
  path: '/settings',
  component: lazyRouteComponent(() => import('./pages/settings/SettingsPage')),
});
/** An address of no page: who is logged in keeps the menu. */
const unknown = createRoute({ getParentRoute: () => inside, path: '$', component: UnknownPage });

const tree = root.addChildren([
  register,
  login,
  forgotPassword,
  resetPassword,
  inside.addChildren([
    dashboard,
    welcome,
    callback,
    claim,
    importing,
    orders.addChildren([order]),
    customers.addChildren([customer]),
    products.addChildren([product]),
    carts.addChildren([cart]),
    files,
    reconciliations,
    connection,
    settings,
    unknown,
  ]),
]);

/** All pages by their addresses; each is fetched when it is opened. */
export const makeRouter = (queryClient: QueryClient) =>
  createRouter({ routeTree: tree, context: { queryClient }, defaultPreload: 'intent', scrollRestoration: true, defaultPendingMs: 150 });

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
