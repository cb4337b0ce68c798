/** Sends a request of the generated client. An answer without a body, such as 204 and 304, has no data; one that is no JSON is a text. */
export const transport = async <T>(url: string, options: RequestInit): Promise<T> => {
  const answer = await fetch(url, options);
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.includes('json') ?? false;
  const data: unknown = isJson ? JSON.parse(text) : text || undefined;
  return { status: answer.status, headers: answer.headers, data } as T;
};
