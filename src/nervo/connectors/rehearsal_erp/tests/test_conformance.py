"""The rehearsal ERP against the conformance suite of its port."""

from nervo.testing import ErpConformance


class TestConformance(ErpConformance):
    connector = "rehearsal_erp"
