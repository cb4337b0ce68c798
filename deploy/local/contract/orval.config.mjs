// The client as the web app will use it: `fetch` through one function of ours.
export default {
  qafila: {
    input: process.env.QAFILA_OPENAPI,
    output: {
      mode: 'split',
      target: 'generated/client.ts',
      client: 'fetch',
      override: { mutator: { path: './transport.ts', name: 'transport' } },
    },
  },
};
