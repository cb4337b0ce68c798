import { cp, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plugin } from 'vite';

/** Milliseconds for which pages that are open may still ask for what a newer build replaced. */
const KEPT_FOR = 86_400_000;
/** Names of replaced files, each with the moment (ms since 1970) at which it was replaced. */
const LIST = join('.vite', 'kept.json');

type Replaced = Record<string, number>;

/** What of the build before is still served: a page that was opened then finds its scripts for a day. */
export const stillKept = (before: string[], kept: Replaced, built: string[], now: number): Replaced =>
  Object.fromEntries(
    before
      .filter((file) => !built.includes(file))
      .map((file) => [file, kept[file] ?? now] as const)
      .filter(([, replacedAt]) => now - replacedAt < KEPT_FOR),
  );

/** Keeps the assets that a build replaces beside its own, for a day. */
export const keptAssets = (): Plugin => {
  let folder = '';
  let before = '';
  return {
    name: 'kept-assets',
    apply: 'build',
    configResolved({ build }) {
      folder = build.outDir;
      before = `${folder}-before`;
    },
    async buildStart() {
      await rm(before, { recursive: true, force: true });
      if ((await assetsOf(folder)).length > 0) await rename(folder, before);
    },
    // After the new files were compressed: what is kept has its compressed copies already.
    closeBundle: {
      sequential: true,
      order: 'post',
      async handler(error) {
        if (error) return;
        const built = await assetsOf(folder);
        const kept = stillKept(await assetsOf(before), await replacedOf(before), built, Date.now());
        for (const file of Object.keys(kept)) await cp(join(before, 'assets', file), join(folder, 'assets', file));
        await mkdir(join(folder, '.vite'), { recursive: true });
        await writeFile(join(folder, LIST), JSON.stringify(kept));
        await rm(before, { recursive: true, force: true });
      },
    },
  };
};

const assetsOf = async (folder: string): Promise<string[]> => {
  try {
    return await readdir(join(folder, 'assets'));
  } catch {
    return [];
  }
};

const replacedOf = async (folder: string): Promise<Replaced> => {
  try {
    return JSON.parse(await readFile(join(folder, LIST), 'utf8')) as Replaced;
  } catch {
    return {};
  }
};
