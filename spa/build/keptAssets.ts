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

/** Puts a build in place of the one that is served, in one step, and keeps the assets that it replaces beside its own, for a day. */
export const keptAssets = (served: string): Plugin => {
  let folder = '';
  return {
    name: 'kept-assets',
    apply: 'build',
    configResolved({ build }) {
      folder = build.outDir;
    },
    // After the new files were compressed: what is kept has its compressed copies already.
    closeBundle: {
      sequential: true,
      order: 'post',
      async handler(error) {
        if (error) return;
        const kept = stillKept(await assetsOf(served), await replacedOf(served), await assetsOf(folder), Date.now());
        for (const file of Object.keys(kept)) await cp(join(served, 'assets', file), join(folder, 'assets', file));
        await mkdir(join(folder, '.vite'), { recursive: true });
        await writeFile(join(folder, LIST), JSON.stringify(kept));
        await putInPlace(folder, served);
      },
    },
  };
};

/** A gateway that serves meanwhile finds the one or the other. */
const putInPlace = async (folder: string, served: string): Promise<void> => {
  const before = `${served}-before`;
  await rm(before, { recursive: true, force: true });
  await rename(served, before).catch(() => undefined);
  await rename(folder, served);
  await rm(before, { recursive: true, force: true });
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
