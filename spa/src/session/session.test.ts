import { beforeEach, describe, expect, it } from 'vitest';

import { type RefreshAnswer, Session, type Told, type World } from './session';

/** Tabs of one browser: they share a lock and a channel. */
class Browser {
  now = 0;
  asked = 0;
  waits: number[] = [];
  restarts = 0;
  answers: (() => Promise<RefreshAnswer>)[] = [];
  isLockFrozen = false;
  private readonly tabs: ((told: Told) => void)[] = [];
  private turn: Promise<unknown> = Promise.resolve();

  tab(): Session {
    let hear: (told: Told) => void = () => undefined;
    const world: World = {
      refresh: () => {
        this.asked += 1;
        return (this.answers.shift() ?? (() => Promise.resolve(inAs('u', `t${this.asked}`))))();
      },
      alone: (act) => {
        if (this.isLockFrozen) return Promise.reject(new DOMException('late', 'TimeoutError'));
        const mine = this.turn.then(act);
        this.turn = mine.catch(() => undefined);
        return mine;
      },
      tell: (told) => this.tabs.filter((tab) => tab !== hear).forEach((tab) => tab(told)),
      onTold: (listener) => {
        hear = listener;
        this.tabs.push(listener);
      },
      now: () => this.now,
      wait: (ms) => {
        this.waits.push(ms);
        return Promise.resolve();
      },
      startOver: () => {
        this.restarts += 1;
      },
    };
    return new Session(world);
  }
}

const inAs = (id: string, accessToken: string): RefreshAnswer => ({
  kind: 'in',
  body: { accessToken, expiresIn: 900, user: { id } },
});
const answering = (answer: RefreshAnswer) => () => Promise.resolve(answer);

describe('a session', () => {
  let browser: Browser;
  beforeEach(() => {
    browser = new Browser();
  });

  it('is refreshed by one of three tabs whose tokens end together', async () => {
    const tabs = [browser.tab(), browser.tab(), browser.tab()];
    await tabs[0]?.start();
    expect(browser.asked).toBe(1);
    browser.now = 1_000_000;
    const tokens = await Promise.all(tabs.map((tab) => tab.token()));
    expect(browser.asked).toBe(2);
    expect(new Set(tokens)).toEqual(new Set(['t2']));
  });

  it('is not ended by a lost answer: the refresh is asked for once more', async () => {
    const tab = browser.tab();
    browser.answers = [answering({ kind: 'unreachable' }), answering(inAs('u', 'second'))];
    await tab.start();
    expect(await tab.token()).toBe('second');
    expect(browser.waits).toEqual([2_000]);
  });

  it('is not ended by an outage while it is held', async () => {
    const tab = browser.tab();
    await tab.start();
    browser.now = 850_000;
    browser.answers = [answering({ kind: 'unreachable' }), answering({ kind: 'unreachable' })];
    await tab.renewWhenDue();
    expect(tab.state.kind).toBe('in');
    await tab.renewWhenDue();
    expect(browser.asked, 'it is not asked for again at once').toBe(3);
  });

  it('at the start, an outage is no log-out', async () => {
    const tab = browser.tab();
    browser.answers = [answering({ kind: 'unreachable' }), answering({ kind: 'unreachable' })];
    await tab.start();
    expect(tab.state.kind).toBe('unreachable');
    await tab.start();
    expect(tab.state.kind).toBe('in');
  });

  it('is refreshed without its turn where a frozen tab holds it', async () => {
    const tab = browser.tab();
    browser.isLockFrozen = true;
    await tab.start();
    expect(tab.state.kind).toBe('in');
  });

  it('ends in all tabs with a log-out, and says in the others that it ended', async () => {
    const [one, other] = [browser.tab(), browser.tab()];
    await one.start();
    one.leave();
    expect(one.state).toEqual({ kind: 'out', hasEnded: false });
    expect(other.state).toEqual({ kind: 'out', hasEnded: true });
  });

  it('of another user starts the other tabs over', async () => {
    const [one, other] = [browser.tab(), browser.tab()];
    await one.start();
    other.adopt({ accessToken: 'x', expiresIn: 900, user: { id: 'somebody else' } });
    expect(browser.restarts).toBeGreaterThan(0);
    expect(await one.token(), 'nothing of the user before is sent in the name of the new one').toBeUndefined();
    expect(await one.renewed('t1')).toBeUndefined();
  });

  it('is not begun anew by an answer that comes after a log-out in another tab', async () => {
    const [one, other] = [browser.tab(), browser.tab()];
    await one.start();
    let answer: (of: RefreshAnswer) => void = () => undefined;
    browser.answers = [() => new Promise((resolve) => (answer = resolve))];
    browser.now = 850_000;
    const renewed = other.renewWhenDue();
    await Promise.resolve();
    one.leave();
    answer(inAs('u', 'late'));
    await renewed;
    expect([one.state.kind, other.state.kind]).toEqual(['out', 'out']);
  });

  it('that is starting is out where another tab logs out meanwhile', async () => {
    const [one, other] = [browser.tab(), browser.tab()];
    await one.start();
    const fresh = browser.tab();
    let answer: (of: RefreshAnswer) => void = () => undefined;
    browser.answers = [() => new Promise((resolve) => (answer = resolve))];
    const started = fresh.start();
    await Promise.resolve();
    one.leave();
    answer({ kind: 'out' });
    await started;
    expect(fresh.state).toEqual({ kind: 'out', hasEnded: false });
    expect(other.state.kind).toBe('out');
  });

  it('never sends what one user pressed in the name of the next one', async () => {
    const [one, other] = [browser.tab(), browser.tab()];
    await one.start();
    other.leave();
    other.adopt({ accessToken: 'x', expiresIn: 900, user: { id: 'somebody else' } });
    expect(one.state.kind).toBe('in');
    expect(await one.renewed('t1')).toBeUndefined();
  });

  it('is not asked for twice after a 401 whose token another tab has renewed', async () => {
    const [one, other] = [browser.tab(), browser.tab()];
    await one.start();
    await other.renewed('t1');
    const asked = browser.asked;
    expect(await one.renewed('t1')).toBe('t2');
    expect(browser.asked).toBe(asked);
  });

  it('that is refused ends where the refresh is refused', async () => {
    const tab = browser.tab();
    await tab.start();
    browser.answers = [answering({ kind: 'out' })];
    expect(await tab.renewed('t1')).toBeUndefined();
    expect(tab.state).toEqual({ kind: 'out', hasEnded: true });
  });
});
