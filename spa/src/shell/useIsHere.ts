import { useCallback, useEffect, useRef } from 'react';

/** Whether the component that asks is still shown: a command that ends late must not lead away from where its merchant went meanwhile. */
export const useIsHere = (): (() => boolean) => {
  const isHere = useRef(true);
  useEffect(() => {
    isHere.current = true;
    return () => {
      isHere.current = false;
    };
  }, []);
  return useCallback(() => isHere.current, []);
};
