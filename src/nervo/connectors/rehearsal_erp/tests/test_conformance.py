"""The rehearsal ERP under the ERP port's conformance suite."""

from nervo.testing import ErpConformance


class TestConformance(ErpConformance):
    connector = "rehearsal_erp"
