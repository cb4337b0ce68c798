/** What a session needs of the answer to log-in, registration and refresh. */
export interface SessionBody {
  accessToken: string;
  /** Seconds. */
  expiresIn: number;
  user: { id: string };
}
