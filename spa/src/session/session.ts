import type { SessionBody } from './sessionBody';

/** How a refresh of the access token ended. */
export type RefreshAnswer = { kind: 'in'; body: SessionBody } | { kind: 'out' } | { kind: 'unreachable' };

/** Who is logged in, and with what. */
export interface Held {
  token: string;
  /** Milliseconds since the Unix epoch, by this device's clock. */
  expiresAt: number;
  userId: string;
}

/** What a page knows of the session. */
export type SessionState =
  | { kind: 'starting' }
  | { kind: 'in'; held: Held }
  | { kind: 'out'; hasEnded: boolean }
  | { kind: 'unreachable' };

/** What tabs tell each other. */
export type Told = { kind: 'token'; held: Held } | { kind: 'out' };

/** The world around a session; tests give their own. */
export interface World {
  refresh(): Promise<RefreshAnswer>;
  /** Runs alone among the tabs; rejects where its turn does not come in time. */
  alone<T>(act: () => Promise<T>): Promise<T>;
  tell(told: Told): void;
  onTold(listener: (told: Told) => void): void;
  /** Milliseconds since the Unix epoch. */
  now(): number;
  wait(ms: number): Promise<void>;
  /** Another user's page must not show this one's figures. */
  startOver(): void;
}

/** A token is renewed so long before its end (ms), plus up to `SPREAD` by chance. */
const BEFORE_END = 90_000;
const SPREAD = 30_000;
/** A refresh whose answer was lost is asked for once more: the server forgives that for 30 s. */
const LOST_ANSWER = 2_000;

/** Tokens whose user is remembered: a request lasts no longer than two of them. */
const MAX_OWNERS = 8;

/** The access token of this page, kept in memory alone, and renewed by one tab for all. */
export class Session {
  private current: SessionState = { kind: 'starting' };
  private readonly listeners = new Set<() => void>();
  private refreshing: Promise<void> | undefined;
  private renewAt = Number.POSITIVE_INFINITY;
  /** Grows with each log-in and log-out: a refresh that was asked for before does not count after it. */
  private epoch = 0;
  /** The page is about to be loaded anew, for another user: nothing is sent any more, least of all what the one before has pressed. */
  private isOver = false;
  /** Whose the last tokens were. */
  private readonly owners = new Map<string, string>();

  constructor(private readonly world: World) {
    world.onTold((told) => this.hear(told));
  }

  get state(): SessionState {
    return this.current;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): SessionState => this.current;

  /** Finds out whether there is a session; again after it could not be reached. */
  async start(): Promise<void> {
    if (this.current.kind !== 'in') await this.refresh(undefined);
  }

  /** Nothing was heard yet, and pages are to say so; what comes later counts all the same. */
  giveUpWaiting(): void {
    if (this.current.kind === 'starting') this.change({ kind: 'unreachable' });
  }

  /** The token for a request; none where nobody is logged in. One that has ended, as after a laptop's sleep, is renewed first. */
  async token(): Promise<string | undefined> {
    if (this.current.kind === 'in' && this.current.held.expiresAt <= this.world.now()) {
      await this.refresh(this.current.held.token);
    }
    return this.current.kind === 'in' && !this.isOver ? this.current.held.token : undefined;
  }

  /** Renews a token that was refused; resolves with a newer one, or none. */
  async renewed(refused: string): Promise<string | undefined> {
    await this.refresh(refused);
    // What one user has pressed is never sent in the name of another, who logged in meanwhile.
    if (this.current.kind === 'in' && this.current.held.userId !== this.owners.get(refused)) return undefined;
    return this.current.kind === 'in' && !this.isOver && this.current.held.token !== refused ? this.current.held.token : undefined;
  }

  /** Renews the token when it is due; called by a clock while the page is visible, and when it comes back. */
  async renewWhenDue(): Promise<void> {
    if (this.current.kind !== 'in' || this.world.now() < this.renewAt) return;
    await this.refresh(this.current.held.token);
  }

  /** Somebody has logged in or registered on this page. */
  adopt(body: SessionBody): void {
    this.epoch += 1;
    this.hold(this.heldOf(body));
  }

  /** Somebody has logged out on this page. */
  leave(): void {
    this.epoch += 1;
    this.change({ kind: 'out', hasEnded: false });
    this.world.tell({ kind: 'out' });
  }

  private refresh(stale: string | undefined): Promise<void> {
    this.refreshing ??= this.refreshOnce(stale).finally(() => {
      this.refreshing = undefined;
    });
    return this.refreshing;
  }

  private async refreshOnce(stale: string | undefined): Promise<void> {
    // The new token is told before the turn ends: the next tab finds it, and asks for none.
    const act = async (): Promise<void> => {
      if (this.hasOtherThan(stale)) return;
      const { epoch } = this;
      const answer = await this.ask();
      if (epoch === this.epoch && !this.isOver) this.settle(answer);
    };
    // Where the turn does not come, as when a frozen tab holds it, two refreshes at once are forgiven.
    await this.world.alone(act).catch(act);
  }

  private settle(answer: RefreshAnswer): void {
    if (answer.kind === 'in') this.hold(this.heldOf(answer.body));
    else if (answer.kind === 'out') this.end();
    else if (this.current.kind !== 'in') this.change({ kind: 'unreachable' });
    else this.renewAt = this.world.now() + SPREAD;
  }

  /** Whether another tab has told a token since the stale one. */
  private hasOtherThan(stale: string | undefined): boolean {
    return this.current.kind === 'in' && this.current.held.token !== stale;
  }

  private async ask(): Promise<RefreshAnswer> {
    const answer = await this.world.refresh();
    if (answer.kind !== 'unreachable') return answer;
    await this.world.wait(LOST_ANSWER);
    return this.world.refresh();
  }

  private heldOf(body: SessionBody): Held {
    return { token: body.accessToken, expiresAt: this.world.now() + body.expiresIn * 1000, userId: body.user.id };
  }

  private hold(held: Held): void {
    this.take(held);
    this.world.tell({ kind: 'token', held });
  }

  private take(held: Held): void {
    const isAnother = this.current.kind === 'in' && this.current.held.userId !== held.userId;
    this.renewAt = held.expiresAt - BEFORE_END - Math.random() * SPREAD;
    this.owners.set(held.token, held.userId);
    for (const token of [...this.owners.keys()].slice(0, -MAX_OWNERS)) this.owners.delete(token);
    this.change({ kind: 'in', held });
    if (!isAnother) return;
    this.isOver = true;
    this.world.startOver();
  }

  private end(): void {
    const hasEnded = this.current.kind === 'in';
    this.change({ kind: 'out', hasEnded });
    if (hasEnded) this.world.tell({ kind: 'out' });
  }

  private hear(told: Told): void {
    if (told.kind === 'token') {
      this.take(told.held);
      return;
    }
    this.epoch += 1;
    // A tab that is starting is out as well: the answer it waits for no longer counts.
    if (this.current.kind !== 'out') this.change({ kind: 'out', hasEnded: this.current.kind === 'in' });
  }

  private change(state: SessionState): void {
    this.current = state;
    for (const listener of this.listeners) listener();
  }
}
