/** Where support is found; a mail there is about the number that support asks for. */
export const supportAddress = (url: string, about: string): string => {
  if (!url.startsWith('mailto:') || about === '') return url;
  return `${url}${url.includes('?') ? '&' : '?'}subject=${encodeURIComponent(`Qafila ${about}`)}`;
};
