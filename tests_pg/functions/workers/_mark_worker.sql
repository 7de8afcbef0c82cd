-- What a pick notes of its worker.
begin;
select plan(4);

select gd_register('w', '{q}', lease => '60 s') as w \gset
select gd_register('other', '{q}', lease => '60 s') as other \gset
create function pg_temp.look(p_worker bigint) returns text language sql as $$
    select concat_ws(' ', l.idle_queues, l.lease_until >= now() + interval '60 s') from gendurable.leases as l
        where l.worker_id = p_worker
$$;
update gendurable.leases set lease_until = now();
select gendurable._mark_worker(:w, 'q', true, false), gendurable._mark_worker(:w, 'p', true, false),
    gendurable._mark_worker(:w, 'q', true, false) \g /dev/null
select is(pg_temp.look(:w), '{p,q} f', 'idle in a queue, once');
select gendurable._mark_worker(:w, 'q', false, false), gendurable._mark_worker(:w, 'q', false, true) \g /dev/null
select is(pg_temp.look(:w), '{p} t', 'busy again, and its lease renewed');
select is(pg_temp.look(:other), '{} f', 'no other one');
select lives_ok('select gendurable._mark_worker(-1, $$q$$, true, true)', 'an unknown worker is no error');

select * from finish();
rollback;
