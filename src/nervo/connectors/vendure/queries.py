"""What we ask Vendure, word for word. A test holds every document against the schema of a running server."""

VARIANT = """
fragment V on ProductVariant {
  id sku name product { id } trackInventory outOfStockThreshold useGlobalOutOfStockThreshold
  prices { currencyCode price } stockLevels { stockLocationId stockOnHand stockAllocated }
}"""

ORDER = """
fragment A on OrderAddress { fullName company streetLine1 streetLine2 city province postalCode countryCode phoneNumber }
fragment O on Order {
  id code state createdAt updatedAt orderPlacedAt currencyCode total totalWithTax couponCodes
  customer { id firstName lastName emailAddress phoneNumber } shippingAddress { ...A } billingAddress { ...A }
  lines {
    id quantity orderPlacedQuantity taxRate linePriceWithTax proratedLinePrice proratedLinePriceWithTax productVariant { sku name }
  }
  surcharges { id description price priceWithTax taxRate }
  shippingLines { id discountedPrice discountedPriceWithTax shippingMethod { code name } }
  payments {
    id method amount state transactionId createdAt
    refunds { id total state createdAt reason lines { orderLineId quantity } }
  }
  fulfillments { id state method trackingCode updatedAt lines { orderLineId quantity } }
}"""

PRODUCT = """
fragment P on Product {
  id slug optionGroups { id code name options { id code name } } variants { id sku options { id } }
}"""

LOGIN = """
mutation Login($user: String!, $password: String!) {
  login(username: $user, password: $password) { __typename ... on CurrentUser { id } ... on ErrorResult { errorCode message } }
}"""

ABOUT = """
query About {
  activeChannel { id code token defaultCurrencyCode defaultLanguageCode pricesIncludeTax }
  globalSettings { outOfStockThreshold trackInventory }
  me { channels { permissions } }
}"""

TAXES = """
query Taxes {
  taxCategories(options: { take: 100 }) { items { id name isDefault } }
  taxRates(options: { take: 1000 }) { items { value enabled category { id } } }
}"""

VARIANTS = (
    VARIANT
    + """
query Variants($options: ProductVariantListOptions) { productVariants(options: $options) { items { ...V } totalItems } }"""
)

UPDATE_VARIANTS = (
    VARIANT
    + """
mutation UpdateVariants($input: [UpdateProductVariantInput!]!) { updateProductVariants(input: $input) { ...V } }"""
)

CREATE_VARIANTS = (
    VARIANT
    + """
mutation CreateVariants($input: [CreateProductVariantInput!]!) { createProductVariants(input: $input) { ...V } }"""
)

PRODUCTS = PRODUCT + "\nquery Products($options: ProductListOptions) { products(options: $options) { items { ...P } } }"
CREATE_PRODUCT = (
    PRODUCT + "\nmutation CreateProduct($input: CreateProductInput!) { createProduct(input: $input) { ...P } }"
)
UPDATE_PRODUCT = (
    PRODUCT + "\nmutation UpdateProduct($input: UpdateProductInput!) { updateProduct(input: $input) { ...P } }"
)

CREATE_OPTION_GROUP = """
mutation CreateGroup($input: CreateProductOptionGroupInput!) {
  createProductOptionGroup(input: $input) { id code name options { id code name } }
}"""
ADD_OPTION_GROUP = (
    PRODUCT
    + """
mutation AddGroup($product: ID!, $group: ID!) { addOptionGroupToProduct(productId: $product, optionGroupId: $group) { ...P } }"""
)
CREATE_OPTION = """
mutation CreateOption($input: CreateProductOptionInput!) { createProductOption(input: $input) { id code name } }"""

ORDERS = ORDER + "\nquery Orders($options: OrderListOptions) { orders(options: $options) { items { ...O } } }"
ORDER_BY_ID = ORDER + "\nquery OrderById($id: ID!) { order(id: $id) { ...O } }"

FULFIL = """
mutation Fulfil($input: FulfillOrderInput!) {
  addFulfillmentToOrder(input: $input) { __typename ... on Fulfillment { id state } ... on ErrorResult { errorCode message } }
}"""
MOVE_FULFILMENT = """
mutation MoveFulfilment($id: ID!, $state: String!) {
  transitionFulfillmentToState(id: $id, state: $state) {
    __typename ... on Fulfillment { id state } ... on FulfillmentStateTransitionError { errorCode message transitionError }
  }
}"""
CANCEL = """
mutation Cancel($input: CancelOrderInput!) {
  cancelOrder(input: $input) { __typename ... on Order { id } ... on ErrorResult { errorCode message } }
}"""

ALL = (
    LOGIN, ABOUT, TAXES, VARIANTS, UPDATE_VARIANTS, CREATE_VARIANTS, PRODUCTS, CREATE_PRODUCT, UPDATE_PRODUCT, CREATE_OPTION_GROUP,
    ADD_OPTION_GROUP, CREATE_OPTION, ORDERS, ORDER_BY_ID, FULFIL, MOVE_FULFILMENT, CANCEL,
)  # fmt: skip
