-- Sets how much of the history of an fsm's instances is kept, or, without an fsm, of all others:
-- none, errors (the default) or steps. A level of null is that of all others, or the default. It
-- acts on the next outcome.
--
-- Locks:  the row of the fsm, waiting for another call for it. Writes: history_levels.
-- Errors: GD001 an empty fsm; GD002 one that is too long, or a level that is none.
create function public.gd_set_history(fsm text, level text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_level text := gd_set_history.level;
begin
    if gendurable._is_open('public.gd_set_history(text,text)') then
        perform gendurable._refuse_open();
    end if;
    if gd_set_history.fsm is not null then
        perform gendurable._check_name('fsm', gd_set_history.fsm);
    end if;
    if v_level not in ('none', 'errors', 'steps') then
        perform gendurable._refuse('GD002', format('level is %s', left(v_level, 40)),
                                   'A level is none, errors or steps; null goes back to the '
                                   'default.');
    end if;
    if v_level is null then
        delete from gendurable.history_levels as l where l.fsm = coalesce(gd_set_history.fsm, '');
        return;
    end if;
    insert into gendurable.history_levels as l (fsm, level)
    values (coalesce(gd_set_history.fsm, ''), v_level)
    on conflict on constraint history_levels_pkey do update set level = excluded.level;
end
$$;
comment on function public.gd_set_history(text, text)
    is 'Sets how much of the history of an fsm''s instances is kept.';
