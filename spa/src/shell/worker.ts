const WORKER = '/worker.js';

/** The part of Trusted Types that is used: under the gateway's policy a browser registers no worker by a bare text. */
interface TrustedTypes {
  createPolicy(name: 'qafila', rules: { createScriptURL: (address: string) => string }): { createScriptURL: (address: string) => string };
}

/** The worker keeps the page for times without a connection; an app that cannot have it works all the same. */
export const registerWorker = async (): Promise<void> => {
  try {
    await navigator.serviceWorker.register(workerAddress());
  } catch (error) {
    console.warn('failed to register the worker', error);
  }
};

const workerAddress = (): string => {
  const { trustedTypes } = window as { trustedTypes?: TrustedTypes };
  return trustedTypes === undefined ? WORKER : trustedTypes.createPolicy('qafila', { createScriptURL: () => WORKER }).createScriptURL(WORKER);
};
