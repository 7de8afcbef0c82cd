-- The whole id of a transaction.
begin;
select plan(4);
select is(gendurable._full_id('1000', '1000'), '1000'::xid8, 'itself');
select is(gendurable._full_id('1000', '1007'), '1007'::xid8, 'a later one');
select is(gendurable._full_id('12884902888', '1007'), '12884902895'::xid8, 'with its epoch');
select is(gendurable._full_id('8589934590', '5'), '8589934597'::xid8, 'which may have changed between them');
select * from finish();
rollback;
