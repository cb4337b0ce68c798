/** A rule of passwords that the page ticks while somebody types; the server has the same ones, and knows more common passwords. */
export type PasswordRule = 'length' | 'classes' | 'notName';

export const passwordRules: PasswordRule[] = ['length', 'classes', 'notName'];

/** Shortest and longest password, in characters. */
const SHORTEST = 12;
const LONGEST = 128;
/** Kinds of characters of which some must be there. */
const CLASSES = [/\p{Ll}/u, /\p{Lu}/u, /\p{N}/u, /[^\p{L}\p{N}]/u, /[\p{Lo}\p{Lt}\p{Lm}]/u];
const CLASSES_NEEDED = 3;
/** A shorter name of an address stands in many words by chance. */
const SHORTEST_NAME = 3;

/** The rules that a password keeps. */
export const keptRules = (password: string, email: string): Set<PasswordRule> => {
  const length = [...password].length;
  const name = email.trim().toLowerCase().split('@')[0] ?? '';
  const containsName = name.length >= SHORTEST_NAME && password.toLowerCase().includes(name);
  const kept = {
    length: length >= SHORTEST && length <= LONGEST,
    classes: CLASSES.filter((one) => one.test(password)).length >= CLASSES_NEEDED,
    notName: length > 0 && !containsName,
  };
  return new Set(passwordRules.filter((rule) => kept[rule]));
};

export const isPasswordGood = (password: string, email: string): boolean =>
  keptRules(password, email).size === passwordRules.length;

/** One part of a domain. */
const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const EMAIL = new RegExp(`^[a-z0-9.!#$%&'*+/=?^_\`{|}~-]{1,64}@${LABEL}(?:\\.${LABEL})*$`);

/** An address by the WHATWG's form. */
export const isEmail = (typed: string): boolean => {
  const email = typed.trim().toLowerCase();
  return email.length <= 254 && EMAIL.test(email);
};

/** Name of a store: 1 to 100 characters. */
export const isStoreName = (typed: string): boolean => {
  const length = [...typed.trim()].length;
  return length >= 1 && length <= 100;
};
