import { type ReactElement, type ReactNode, useEffect, useState } from 'react';

import { Waiting } from '../../shell/Loaded';

/** A browser that is never idle goes on after this time (ms). */
const MAX_WAIT = 500;
/** What comes first is waited for so long (ms): where it is slow or fails, the rest must not. */
const MAX_LEAD = 2_000;

const whenIdle = (act: () => void): (() => void) => {
  // Safari has no idle callbacks.
  if (!('requestIdleCallback' in window)) {
    const timer = setTimeout(act, 50);
    return () => clearTimeout(timer);
  }
  const callback = requestIdleCallback(act, { timeout: MAX_WAIT });
  return () => cancelIdleCallback(callback);
};

/**
 * Stages of a page that is drawn from the top down: 0 until `isReady`, then one more each time the browser is idle, up to `last`.
 * A page that was read before is drawn at once: who comes back is led to where they were.
 */
export const useStage = (isReady: boolean, last: number): number => {
  const [stage, setStage] = useState(isReady ? last : 0);
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), MAX_LEAD);
    return () => clearTimeout(timer);
  }, []);
  const goesOn = isReady || isLate;
  useEffect(() => (goesOn && stage < last ? whenIdle(() => setStage((now) => now + 1)) : undefined), [goesOn, stage, last]);
  return stage;
};

interface StageProps {
  isReached: boolean;
  /** Pixels of what stands there until then. */
  height: number;
  children: ReactNode;
}

/** A part of the page that is neither asked for nor drawn before its stage. */
export const Stage = ({ isReached, height, children }: StageProps): ReactElement => (isReached ? <>{children}</> : <Waiting height={height} />);
