-- Creates the children of all outcomes `schedule_children` of a batch, as one batch of entries. All
-- or nothing.
--
-- Answers for each of these outcomes, in the order of their ids, how many children there are to
-- wait for, and its duplicates as gendurable.instances has them (null: none).
-- Locks:  the caller holds the parents; correlation_keys in key order, waiting.
-- Writes: instances, correlation_keys, doorbells.
-- Plan:   instances_pkey; as gendurable._enqueue.
-- Errors: GD003 a bad child. Where there is one parent, DETAIL names its ord.
create function gendurable._create_children(p_outcomes gendurable.outcome[],
                                            out pending int[], out duplicates jsonb[])
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_children jsonb;
    v_entries  gendurable.entry[];
    v_at       int[];    -- of each child: which parent, its place, and what it inherits
    v_places   int[];
    v_parents  bigint[];
    v_rounds   int[];
    v_queues   text[];
    v_n        int;
begin
    select jsonb_agg(c.child) filter (where c.place is not null),
           array_agg(c.at) filter (where c.place is not null),
           array_agg(c.place) filter (where c.place is not null),
           array_agg(c.id) filter (where c.place is not null),
           array_agg(c.round) filter (where c.place is not null),
           array_agg(c.queue) filter (where c.place is not null),
           max(c.at)
    into v_children, v_at, v_places, v_parents, v_rounds, v_queues, v_n
    from (select p.at::int as at, p.id, p.round, p.queue, e.child, e.place::int as place
          from (select o.id, o.children, i.queue, i.round + 1 as round,
                       row_number() over (order by o.id) as at
                from unnest(p_outcomes) as o
                join gendurable.instances as i on i.id = o.id
                where o.kind = 'schedule_children') as p
          left join lateral jsonb_array_elements(p.children) with ordinality as e (child, place)
              on true
          order by p.at, e.place) as c;
    if v_children is not null then
        v_entries := gendurable._parse_entries(v_children, null, 1, v_parents, v_rounds, v_places,
                                               v_queues);
    end if;

    select array_agg(c.pending order by c.at), array_agg(c.duplicates order by c.at)
    into pending, duplicates
    from (select x.at, count(*) filter (where x.duplicate is false)::int as pending,
                 jsonb_agg(jsonb_build_object(
                     'round', v_rounds[x.ord], 'ord', v_places[x.ord], 'id', x.id,
                     'fsm', v_children -> (x.ord - 1) ->> 'fsm') order by x.ord)
                     filter (where x.duplicate) as duplicates
          from (select v_at[e.ord] as at, e.ord, e.id, e.duplicate
                from gendurable._enqueue(v_entries) as e
                where v_entries is not null
                union all
                select g.at, null, null, null    -- those without children are answered as well
                from generate_series(1, v_n) as g (at)) as x
          group by x.at) as c;
end
$$;
comment on function gendurable._create_children(gendurable.outcome[])
    is 'Creates the children of outcomes of kind schedule_children.';
