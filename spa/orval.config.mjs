// The client of the OpenAPI document: functions and types, with one way to the gateway.
export default {
  qafila: {
    input: './openapi.json',
    output: {
      mode: 'split',
      target: 'src/api/generated/client.ts',
      client: 'fetch',
      clean: true,
      override: {
        fetch: { includeHttpResponseReturnType: false },
        mutator: { path: './src/api/transport.ts', name: 'transport' },
      },
    },
  },
};
