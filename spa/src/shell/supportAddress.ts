/** Where support is found; a mail there is about the number that support asks for. */
export const supportAddress = (url: string, about: string): string => {
  if (!url.startsWith('mailto:') || about === '') return url;
  const to = new URL(url);
  const headers = [...to.searchParams].filter(([name]) => name.toLowerCase() !== 'subject');
  // Mail programs read a plus as a plus, so that `searchParams` cannot write them.
  const query = [...headers, ['subject', `Qafila ${about}`]].map(([name, value]) => `${name}=${encodeURIComponent(value ?? '')}`);
  return `mailto:${to.pathname}?${query.join('&')}`;
};
