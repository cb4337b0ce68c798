import '@fontsource/ibm-plex-sans-arabic/arabic-400.css';
import '@fontsource/ibm-plex-sans-arabic/arabic-600.css';
import '@fontsource/ibm-plex-sans-arabic/latin-400.css';
import '@fontsource/ibm-plex-sans-arabic/latin-600.css';

/** The first paint waits so long (ms): charts measure their labels, and text that moves is worse than text that is late. */
const PATIENCE = 500;

/** Resolves when text of both alphabets and weights can be measured, at the latest after 500 ms. */
export const fontsLoaded = async (): Promise<void> => {
  const wanted = ['400', '600'].map((weight) => document.fonts.load(`${weight} 16px "IBM Plex Sans Arabic"`, 'أA'));
  const late = new Promise<void>((resolve) => setTimeout(resolve, PATIENCE));
  await Promise.race([Promise.allSettled(wanted).then(() => undefined), late]);
};
