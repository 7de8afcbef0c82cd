-- Doorbells are found from the bound of the trail on, and in the runs that it lists.
begin;
select plan(4);

create function pg_temp.rung(p_kind text) returns text language sql as $$
    select string_agg(r.key, ' ' order by r.nth)
        from (select x.key, row_number() over () as nth from gendurable._rung(p_kind::gendurable.doorbell_kind) as x)
        as r
$$;
insert into gendurable.doorbells (kind, key, rung_by, run) values ('slot', 'd', '3', 9), ('slot', 'a', '3', 2),
    ('slot', 'c', '3', 7), ('slot', 'b', '3', 4), ('tokens', 't', '3', 4);
select is(pg_temp.rung('slot'), 'a b c d', 'without a trail all, in the order of their runs');
insert into gendurable.limit_trails values (1, pg_current_xact_id(), 'epoch', 'epoch', 'epoch', 'epoch', '{}', 7, '{2}',
    '{}');
select is(pg_temp.rung('slot'), 'a c d', 'then those from the bound on, and of listed runs');
select is(pg_temp.rung('tokens'), null, 'of one kind');
select is((select format('%s %s', r.place = d.ctid, r.rung_by) from gendurable._rung('slot') as r
    join gendurable.doorbells as d on d.key = 'd' where r.key = 'd'), 't 3', 'with the place and the transaction');

select * from finish();
rollback;
