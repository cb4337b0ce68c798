/** So long (ms) after a command its pages ask to see what it did. */
const FOR = 15_000;

/** The position that the last command answered with: what is read after it waits until it shows that command. */
export class LastPosition {
  private position: string | undefined;
  private at = 0;

  constructor(private readonly now: () => number = Date.now) {}

  remember(position: string): void {
    this.position = position;
    this.at = this.now();
  }

  /** Headers of a query that may have to wait. */
  headers(): Record<string, string> {
    const isRecent = this.position !== undefined && this.now() - this.at < FOR;
    return isRecent && this.position ? { prefer: 'wait=5', 'x-qafila-position': this.position } : {};
  }

  forget(): void {
    this.position = undefined;
  }
}

export const lastPosition = new LastPosition();
