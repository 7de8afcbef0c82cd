-- Which transactions are open: what a trail expects of others.
begin;
select plan(4);

select test.connect('a'), test.exec('a', 'begin') \g /dev/null
select (test.query('a', 'select pg_current_xact_id()::text as xid') -> 0 ->> 'xid') as a \gset
-- What is newer than all that have ended is above `next`.
select ok(o.next <= :'a'::xid8, 'none below the id that it says is left out') from gendurable._open_transactions() as o;
select test.connect('b'), test.query('b', 'select pg_current_xact_id()') \g /dev/null
select ok(:'a'::xid8 = any (o.xids), 'one that has an id is open') from gendurable._open_transactions() as o;
select ok(pg_current_xact_id() <> all (o.xids), 'this one is not among them') from gendurable._open_transactions() as o;
select test.exec('a', 'rollback') \g /dev/null
select ok(:'a'::xid8 <> all (o.xids) and o.next > :'a'::xid8, 'until it ends')
    from gendurable._open_transactions() as o;

select * from finish();
rollback;
