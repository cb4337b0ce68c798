import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

import { compressed } from './build/compressed.ts';
import { keptAssets } from './build/keptAssets.ts';
import { preloadedFonts } from './build/preloadedFonts.ts';

/** The gateway that `make spa-dev` talks to. */
const gateway = process.env.QAFILA_URL ?? 'http://127.0.0.1:18080';

export default defineConfig({
  plugins: [react(), keptAssets('dist'), preloadedFonts(), compressed()],
  build: {
    // It takes the place of `dist` once it is whole.
    outDir: 'dist-new',
    target: ['chrome117', 'edge121', 'firefox121', 'safari17'],
    manifest: true,
    // A font or an icon within a script or a style would break the policy and the cache.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
    // The libraries that every page needs are one file: it stays in caches, and weighs 8 KB less than many.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'libraries', test: /node_modules/, tags: ['$initial'] }] } } },
  },
  server: { proxy: { '/api': gateway, '/download': gateway, '/health': gateway } },
  test: { environment: 'happy-dom', include: ['{src,build}/**/*.test.{ts,tsx}'], setupFiles: ['src/testing.ts'] },
});
