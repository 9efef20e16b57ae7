/* Vendure for rehearsals: Admin API and Shop API on 127.0.0.1:$PORT, SQLite in memory, an Italian channel with tax-inclusive prices.
   Vendure ships no webhooks; nervo-doorbell.js beside this file is the plug-in that a shop's owner installs. */
'use strict';
const {
  bootstrap, mergeConfig, DefaultLogger, LogLevel, LanguageCode, JobQueueService, DefaultJobQueuePlugin, DefaultSearchPlugin,
  dummyPaymentHandler, Populator, ChannelService, RequestContextService,
} = require('@vendure/core');
const { NervoDoorbellPlugin } = require('./nervo-doorbell');

const { PORT, DATA, HOOK_URL, HOOK_SECRET } = process.env;

const config = mergeConfig({}, {
  apiOptions: { port: +PORT, hostname: '127.0.0.1', adminApiPath: 'admin-api', shopApiPath: 'shop-api', adminListQueryLimit: 1000, shopListQueryLimit: 100 },
  authOptions: {
    tokenMethod: ['bearer', 'cookie', 'api-key'], superadminCredentials: { identifier: 'superadmin', password: 'superadmin' },
    cookieOptions: { secret: 'peer' }, requireVerification: false,
  },
  dbConnectionOptions: { type: 'sqljs', synchronize: true, autoSave: false },
  importExportOptions: { importAssetsDir: DATA },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  plugins: [DefaultJobQueuePlugin.init({ pollInterval: 200 }), DefaultSearchPlugin.init({ indexStockStatus: true }),
    NervoDoorbellPlugin.init({ url: HOOK_URL, secret: HOOK_SECRET })],
  logger: new DefaultLogger({ level: LogLevel.Warn }),
});

const initialData = {
  defaultLanguage: LanguageCode.en, defaultZone: 'Europe', collections: [],
  countries: [{ name: 'Italy', code: 'IT', zone: 'Europe' }, { name: 'Germany', code: 'DE', zone: 'Europe' }],
  taxRates: [{ name: 'IVA 22', percentage: 22 }, { name: 'IVA 10', percentage: 10 }],
  shippingMethods: [{ name: 'Corriere', price: 490, taxRate: 22 }],
  paymentMethods: [{ name: 'Test payment', handler: { code: dummyPaymentHandler.code, arguments: [{ name: 'automaticSettle', value: 'true' }] } }],
};

async function main() {
  const app = await bootstrap(config);
  const contexts = app.get(RequestContextService);
  await app.get(Populator).populateInitialData(initialData);
  const channel = await app.get(ChannelService).getDefaultChannel();
  const euro = { currencyCode: 'EUR', defaultCurrencyCode: 'EUR', availableCurrencyCodes: ['EUR'], pricesIncludeTax: true };
  await app.get(ChannelService).update(await contexts.create({ apiType: 'admin' }), { id: channel.id, ...euro });
  await app.get(JobQueueService).start();
  console.log('READY ' + PORT);
}
main().catch(error => { console.error(error); process.exit(1); });
