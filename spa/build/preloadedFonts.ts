import type { Plugin } from 'vite';

/** Fonts that the first paint needs: both weights of both alphabets. Without them text moves when they come. */
const wanted = /ibm-plex-sans-arabic-(arabic|latin)-(400|600)-normal.*\.woff2$/;

/** Names the fonts in the page's head, so that they are fetched beside the scripts and not after the styles. */
export const preloadedFonts = (): Plugin => ({
  name: 'preloaded-fonts',
  apply: 'build',
  transformIndexHtml: {
    order: 'post',
    handler: (_html, { bundle }) =>
      Object.keys(bundle ?? {})
        .filter((file) => wanted.test(file))
        .map((file) => ({
          tag: 'link',
          attrs: { rel: 'preload', href: `/${file}`, as: 'font', type: 'font/woff2', crossorigin: '' },
          injectTo: 'head' as const,
        })),
  },
});
