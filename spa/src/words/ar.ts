import accounts from './ar/accounts';
import connection from './ar/connection';
import dashboard from './ar/dashboard';
import files from './ar/files';
import importing from './ar/importing';
import lists from './ar/lists';
import onboarding from './ar/onboarding';
import settings from './ar/settings';
import shell from './ar/shell';
import type { Words } from './en';

const words: Words = { ...accounts, ...connection, ...dashboard, ...files, ...importing, ...lists, ...onboarding, ...settings, ...shell };

export default words;
