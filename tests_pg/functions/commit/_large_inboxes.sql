-- Which outcomes may not run ahead, because an answer cannot hold their inboxes.
begin;
select plan(3);

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, inbox)
overriding system value
select n, now(), now(), now(), 'executing', 's', '{}', 0, 1, 'm', 'q', 2 from generate_series(1, 5) as n;
insert into gendurable.signals (inbox, instance_id, sent_at, name, payload)
select gendurable._inbox_key(i, 2), i, now(), 's', to_jsonb(repeat('x', m * 1000000))
    from (values (1, 40), (2, 20), (3, 20), (5, 90)) as v (i, m);
create function pg_temp.large(variadic p_ids int[]) returns text language sql as $$
    select gendurable._large_inboxes(
        array(select jsonb_populate_record(null::gendurable.outcome, jsonb_build_object('ord', o.ord, 'id', o.id))
            from unnest(p_ids) with ordinality as o (id, ord)),
        array(select row(o.ord, 'q', 0, o.id <> 4, null, o.id <> 5, 'm', 1, 's')::gendurable.move from unnest(p_ids)
            with ordinality as o (id, ord)))::text
$$;
select is(pg_temp.large(1, 2, 4), '{}', 'as long as they fit together, none');
select is(pg_temp.large(1, 4, 2, 3), '{4}', 'then the rest, in the order of the batch');
select is(pg_temp.large(5, 1, 2), '{}', 'what may not run ahead anyway takes no room');

select * from finish();
rollback;
