import { parse, TYPE, type MessageFormatElement } from '@formatjs/icu-messageformat-parser';
import { describe, expect, it } from 'vitest';

import ar from './ar';
import en, { type Words } from './en';

const ids = Object.keys(en) as (keyof Words)[];

/** Names of a sentence's places, sorted. */
const places = (message: string): string[] => {
  const found = new Set<string>();
  const visit = (elements: MessageFormatElement[]): void => {
    for (const element of elements) {
      if (element.type === TYPE.literal || element.type === TYPE.pound) continue;
      found.add(element.value);
      if (element.type === TYPE.plural || element.type === TYPE.select) Object.values(element.options).forEach((option) => visit(option.value));
      if (element.type === TYPE.tag) visit(element.children);
    }
  };
  visit(parse(message));
  return [...found].toSorted();
};

/** Forms of all plurals of a sentence. */
const forms = (message: string): string[][] =>
  parse(message).flatMap((element) => (element.type === TYPE.plural ? [Object.keys(element.options)] : []));

describe('words', () => {
  it('both languages have the same sentences, and none is empty', () => {
    expect(Object.keys(ar).toSorted()).toEqual(Object.keys(en).toSorted());
    expect(ids.filter((id) => ar[id].trim() === '' || en[id].trim() === '')).toEqual([]);
  });

  it('both languages have the same places', () => {
    for (const id of ids) expect([id, places(ar[id])]).toEqual([id, places(en[id])]);
  });

  it('Arabic counts in six forms', () => {
    for (const id of ids) {
      for (const found of forms(ar[id])) expect([id, found]).toEqual([id, expect.arrayContaining(['zero', 'one', 'two', 'few', 'many', 'other'])]);
    }
  });

  it('what is counted in one language is counted in the other', () => {
    for (const id of ids) expect([id, forms(ar[id]).length]).toEqual([id, forms(en[id]).length]);
  });

  it('Arabic sentences are in Arabic', () => {
    const other = ids.filter((id) => !/[\u0600-\u06ff]/.test(ar[id]));
    const alike: (keyof Words)[] = ['search.refused', 'column.sku', 'figures.window', 'language.other', 'none', 'order.sku', 'order.times'];
    expect(other.filter((id) => !alike.includes(id))).toEqual([]);
  });
});
