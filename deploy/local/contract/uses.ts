// A use of every operation, as the web app makes it: it compiles where names, parameters, required fields, null and closed sets are as
// pages need them. `client.sh` fails where an operation has no use here.
import * as api from './generated/client';
import { KnownProblemCode, KnownSyncStatus } from './generated/client.schemas';
import type { FieldError, MoneyBody, Problem, SyncCause } from './generated/client.schemas';

/** A problem in words: by its code, else by its text. */
const words = (problem: Problem): string => {
  const known: Record<string, string> = { [KnownProblemCode['email-taken']]: 'registered' };
  const fields: string[] = problem.errors.map((error: FieldError) => `${error.pointer} ${error.code} ${error.detail}`);
  return `${known[problem.code] ?? problem.detail} ${fields.join(' ')} ${problem.requestId}`;
};
const money = (amount: MoneyBody | null): string => (amount === null ? '' : `${amount.amount} ${amount.currency}`);
const day = (text: string): Date => new Date(text);

export const accounts = async (): Promise<void> => {
  const registered = await api.register({ email: 'a@example.com', password: 'x', storeName: 'x', locale: 'ar' });
  if (registered.status === 201) {
    const { accessToken, expiresIn, user, merchant, position } = registered.data;
    const shown: [string, number, string, string, string | null] =
      [accessToken, expiresIn, user.email, merchant.storeName, position];
    void shown;
  } else {
    words(registered.data);
  }
  const loggedIn = await api.logIn({ email: 'a@example.com', password: 'x' });
  if (loggedIn.status === 429) words(loggedIn.data);
  await api.refreshSession();
  await api.logOut();
  await api.forgotPassword({ email: 'a@example.com' });
  await api.resetPassword({ token: 'x', password: 'x' });
  await api.changePassword({ currentPassword: 'x', newPassword: 'y' });
  const me = await api.getMe();
  if (me.status === 200 && me.data.connection !== null) {
    const { store, access, cause, advice, webhooks, app } = me.data.connection;
    const shown: (string | null)[] = [store.name, access, cause, advice, webhooks.state, app === null ? null : app.status];
    void shown;
  }
  const changed = await api.updateMe({ locale: 'en', mailPreferences: { export_ready: false } });
  if (changed.status === 200) changed.data.position.concat(changed.data.user.locale);
};

export const connecting = async (): Promise<void> => {
  const url = await api.getAuthorizationUrl();
  if (url.status === 200) day(url.data.expiresAt);
  const finished = await api.finishAuthorization({ state: 'x', code: 'x' });
  if (finished.status === 200) finished.data.store.name.length;
  await api.confirmOtherStore({ state: 'x' });
  await api.claimStore({ token: 'x' });
  await api.disconnectStore();
};

export const importing = async (): Promise<void> => {
  const estimate = await api.estimateImport({ depthInMonths: 24 });
  if (estimate.status === 200) estimate.data.minutesUntilUseful?.toFixed();
  const started = await api.startImport({ depthInMonths: 12 });
  if (started.status === 202) started.data.position.length;
  await api.resumeImport();
  await api.cancelImport();
  const standing = await api.getSyncStatus({ headers: { prefer: 'wait=2', 'x-qafila-position': 'x' } });
  if (standing.status === 200) {
    const cause: SyncCause | null = standing.data.cause;
    const isOver = standing.data.status === KnownSyncStatus.completed;
    const phases: number[] = standing.data.phases.map((phase) => phase.done / (phase.total ?? 1) + phase.skipped);
    void [cause, isOver, phases, standing.data.progressPercentage.toFixed(), standing.data.waitsFor, standing.data.store?.name];
  } else if (standing.status === 304) {
    void standing.data;
  }
  const runs = await api.listSyncRuns({ limit: 5 });
  if (runs.status === 200) runs.data.items.map((run) => [run.store.name, run.imported?.orders, run.endedAt]);
  const nights = await api.listReconciliations({ limit: 20 });
  if (nights.status === 200) nights.data.items.map((night) => [night.summary.updated, night.cause, night.advice]);
};

export const reading = async (): Promise<void> => {
  const orders = await api.listOrders({ status: ['completed', 'delivered'], city: ['الرياض'], amountFrom: '10.5', q: 'تمر', sort: '-total', count: true, limit: 20 });
  if (orders.status === 200) {
    const next: string | null = orders.data.nextCursor;
    const total: number | undefined = orders.data.total?.count;
    if (total === 0) return;
    orders.data.items.map((order) => [order.id, day(order.createdAt), order.status.slug, money(order.total), next]);
  }
  const order = await api.getOrder(1);
  const histories = await api.getOrderHistories(1);
  if (histories.status === 200) histories.data.entries.map((entry) => [day(entry.at ?? histories.data.asOf), entry.status, entry.note]);
  if (order.status === 200) order.data.lines.map((line) => [line.name, money(line.total), order.data.linesComplete, order.data.id, order.data.sums?.discountIsInSubTotal, money(order.data.sums?.other ?? null)]);
  const customers = await api.listCustomers({ phone: '0501234567', name: 'سارة', sort: '-lastOrderAt' });
  if (customers.status === 200) customers.data.items.map((customer) => [customer.firstName ?? '', money(customer.sales), customer.lastOrderAt]);
  const customer = await api.getCustomer(1);
  if (customer.status === 404) words(customer.data);
  if (customer.status === 200) customer.data.bought.map((bought) => [bought.orders, money(bought.sales)]);
  const products = await api.listProducts({ sku: 'x', category: ['a', 'b'], sort: 'price' });
  if (products.status === 200) products.data.items.map((product) => money(product.price));
  await api.getProduct(1);
  const carts = await api.listCarts({ status: ['active'], productId: 1 });
  if (carts.status === 200) carts.data.items.map((cart) => [cart.createdAtFrom, money(cart.total)]);
  const cart = await api.getCart(1);
  if (cart.status === 200) cart.data.lines.map((line) => line.quantity);
  for (const facets of [api.listOrderFacets, api.listCustomerFacets, api.listProductFacets, api.listCartFacets]) {
    const found = await facets();
    if (found.status === 200) found.data.facets.map((facet) => [facet.filter, facet.values.map((one) => [one.label ?? one.value, one.count])]);
  }
  const made = await api.makeApiKey({ name: 'Power BI', scopes: ['reports', 'lists'] });
  if (made.status === 201) await api.revokeApiKey(made.data.id);
  const keys = await api.listApiKeys();
  if (keys.status === 200) keys.data.items.map((key) => [key.name, key.scopes, day(key.createdAt), key.lastUsedAt]);
};

export const reports = async (): Promise<void> => {
  const window = { from: '2026-01-01', to: '2026-01-31', timezone: 'Asia/Riyadh' };
  const summary = await api.getSummary({ ...window, compare: 'previous' });
  if (summary.status === 200) {
    const { figures, previous, total, asOf, completeTo, completeCause } = summary.data;
    const changed: (number | null)[] = previous?.changes.map((change) => change.sales) ?? [];
    void [figures.map((one) => [money(one.averageSale), money(one.salesContain.tax)]), changed, money(total.sales)];
    void [total.withoutRate, asOf === null ? null : day(asOf), completeTo, completeCause];
  } else if (summary.status === 412) {
    words(summary.data);
  }
  const trend = await api.getSalesTrend({ ...window, granularity: 'week', compare: 'hijri-last-year' });
  if (trend.status === 200) {
    trend.data.points.map((point) => [day(point.from), money(point.figures.sales)]);
    trend.data.occasions.map((occasion) => [occasion.name, day(occasion.from)]);
  }
  const products = await api.getTopProducts({ ...window, limit: 10, compare: 'last-year' });
  if (products.status === 200) {
    products.data.products.map((product) => [product.productId, money(product.sales), product.previous?.quantity]);
  }
  const product = await api.getProductReport(1, { ...window, granularity: 'month' });
  if (product.status === 200) product.data.points.map((point) => point.figures.quantity);
  for (const group of [api.getOrderStatus, api.getSalesByCity, api.getSalesByPayment, api.getSalesByChannel]) {
    const groups = await group({ ...window, granularity: 'day', limit: 6 });
    if (groups.status === 200) {
      groups.data.groups.map((one) => [one.key, one.name, money(one.figures.sales), one.points?.length]);
      groups.data.others.map((others) => others.groups);
    }
  }
  const hours = await api.getSalesByHour(window);
  if (hours.status === 200) hours.data.hours.map((hour) => [hour.weekday, hour.hour, hour.orders]);
  const customers = await api.getCustomerReport(window);
  if (customers.status === 200) {
    const { total } = customers.data;
    customers.data.customers.map((customer) => [customer.name, customer.lastOrderAt, total.newCustomers]);
  }
};

export const files = async (): Promise<void> => {
  const accepted = await api.requestExport(
    { reportType: 'orders', format: 'csv', filters: { from: '2026-01-01', status: 'completed' }, delimiter: ';' },
    { headers: { 'idempotency-key': 'x' } },
  );
  if (accepted.status === 202) {
    const file = await api.getExport(accepted.data.jobId);
    if (file.status === 200) {
      const { link, percent, rows, expiresAt, filters } = file.data;
      void [link?.length, percent?.toFixed(), rows, expiresAt, filters.timezone];
    }
  }
  const all = await api.listExports({ limit: 5 });
  if (all.status === 200) all.data.items.map((file) => [file.status, file.cause]);
  await api.revokeExport('x');
  await api.downloadFile('x');
  await api.downloadManifest('x');
  await api.requestExport({ reportType: 'top-products', format: 'xlsx', mail: false });
};

export const notes = async (): Promise<void> => {
  const notes = await api.listNotifications({ unread: true });
  if (notes.status === 200) notes.data.items.map((note) => [note.kind, note.title, note.readAt, note.mail, note.opens.page, note.params.rows]);
  await api.readNotification('x');
  await api.readAllNotifications();
};

export const services = async (): Promise<void> => {
  const job = await api.initiateSyncJob({ merchantId: 'x', depth: '12m' });
  if (job.status === 202) await api.getSyncJobStatus({ merchantId: 'x' });
  await api.acceptSallaWebhook({});
  await api.getLiveness();
  const ready = await api.getReadiness();
  if (ready.status === 503) Object.values(ready.data.dependencies);
  await api.getMetrics();
};
