/** Sends a request of the generated client; here only its types matter. */
export const transport = async <T>(url: string, options: RequestInit): Promise<T> => {
  const answer = await fetch(url, options);
  return { status: answer.status, headers: answer.headers, data: await answer.json() } as T;
};
