import type { PhaseBody, SyncStatusBody } from '../../api/generated/client.schemas';

/** Rows of one resource in one step. */
export interface Counted {
  resource: string;
  done: number;
  /** Null until it is known. */
  total: number | null;
}

/** The three steps of an import, as its page shows them. */
export interface Steps {
  lists: Counted[];
  details: Counted | undefined;
  /** Everything is read, and counted once more. */
  isCounting: boolean;
  /** Rows that could not be read. */
  unreadable: number;
}

const order = ['orders', 'customers', 'products'];

const isDone = ({ done, total }: Counted): boolean => total !== null && done >= total;

const of = (phases: PhaseBody[], name: string): Counted[] =>
  phases
    .filter((phase) => phase.name === name)
    .map(({ resource, done, total }) => ({ resource, done, total }))
    .toSorted((one, other) => order.indexOf(one.resource) - order.indexOf(other.resource));

/** The steps of an import. */
export const stepsOf = ({ status, phases }: Pick<SyncStatusBody, 'status' | 'phases'>): Steps => {
  const lists = of(phases, 'list');
  const details = of(phases, 'hydrate').find((one) => one.resource === 'orders');
  const all = details ? [...lists, details] : lists;
  return {
    lists,
    details,
    isCounting: status === 'running' && details !== undefined && all.every(isDone),
    unreadable: phases.reduce((sum, phase) => sum + phase.skipped, 0),
  };
};

/** How much of a step is done, 0 to 1; none where its total is not known. */
export const shareOf = ({ done, total }: Counted): number | undefined =>
  total === null ? undefined : total === 0 ? 1 : Math.min(1, done / total);

/** The orders that are known in all, where that has grown since it was looked at last: then the percentage fell. */
export const grownTotal = (before: Steps | undefined, now: Steps): number | undefined => {
  const total = (steps: Steps | undefined): number | null => steps?.lists.find((one) => one.resource === 'orders')?.total ?? null;
  const [was, is] = [total(before), total(now)];
  return was !== null && is !== null && is > was ? is : undefined;
};
