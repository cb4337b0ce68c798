import accounts from './en/accounts';
import connection from './en/connection';
import dashboard from './en/dashboard';
import files from './en/files';
import importing from './en/importing';
import lists from './en/lists';
import onboarding from './en/onboarding';
import settings from './en/settings';
import shell from './en/shell';

const words = { ...accounts, ...connection, ...dashboard, ...files, ...importing, ...lists, ...onboarding, ...settings, ...shell };

/** All sentences, by name. */
export type Words = Record<keyof typeof words, string>;

export default words as Words;
